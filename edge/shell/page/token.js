/**
 * The admin token, where a node wants one: asked for once, kept for this tab's session and no longer, sent to the
 * cluster's own nodes in a header, never in an address.
 */
import { byId, setText } from "./dom.js";

const KEPT = "edge-admin-token";

export class Token {
  /** @param {HTMLElement} section holds the form that asks; hidden while nobody wants a token */
  constructor(section) {
    this.section = section;
    this.value = sessionStorage.getItem(KEPT) ?? "";
    this.waiting = [];
    section.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.given(byId("token").value.trim());
    });
  }

  /** Headers for a request. */
  get headers() {
    return this.value ? { Authorization: `Bearer ${this.value}` } : {};
  }

  /** Resolves when a person has given a token in place of the one that was refused with `reason`. */
  wanted(reason) {
    if (this.section.hidden) {
      this.section.hidden = false;
      byId("token").focus();
    }
    setText(byId("token-state"), this.value ? `This token was refused: ${reason}` : "This node wants its admin token.");
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  given(value) {
    if (!value) return;
    this.value = value;
    sessionStorage.setItem(KEPT, value);
    byId("token").value = "";
    this.section.hidden = true;
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  /**
   * Like `fetch`, with the token; where it is refused, a person is asked and the request is made again.
   * `patience_ms` is for one answer, not for the person.
   */
  async fetch(url, { patience_ms, headers, ...options } = {}) {
    for (;;) {
      const signal = patience_ms ? AbortSignal.timeout(patience_ms) : undefined;
      const answer = await fetch(url, { signal, ...options, headers: { ...headers, ...this.headers } });
      if (answer.status !== 401) return answer;
      await this.wanted((await answer.text()).trim());
    }
  }
}
