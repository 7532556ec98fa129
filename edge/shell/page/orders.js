/** What an operator may order from the page: a purge on every node, and a level of degradation; and what came of it. */
import { byId, element, setText } from "./dom.js";
import { duration } from "./partition.js";

const PATIENCE_MS = 5000;
const LOOK_MS = 500;
const FOLLOWED_MS = 10_000;
const NAMES_SHOWN = 6;

export class Orders {
  /** @param {import("./token.js").Token} token */
  constructor(token) {
    this.token = token;
    this.base = location.origin;
    this.drawn = null;
    [this.purgeForm, this.modeForm, this.list] = [byId("purge"), byId("override"), byId("overrides")];
    this.purgeForm.addEventListener("submit", (event) => {
      event.preventDefault();
      this.purge(new FormData(this.purgeForm));
    });
    this.modeForm.addEventListener("submit", (event) => {
      event.preventDefault();
      this.override(new FormData(this.modeForm));
    });
    this.modeForm.elements.scope.addEventListener("change", () => this.scoped());
  }

  /** Orders go to the node that is asked for views; what it forces now is listed. */
  update(base, view, monsoon) {
    this.base = base;
    if (this.view?.members.length !== view.members.length) this.drawn = null;
    this.view = view;
    const told = JSON.stringify(monsoon?.overrides ?? []);
    if (told === this.drawn) return;
    this.drawn = told;
    this.scoped();
    this.list.replaceChildren(...(monsoon?.overrides ?? []).map((one) => this.row(one)));
  }

  row(one) {
    const words = `${one.about}: level ${one.level} until ${new Date(one.until * 1000).toLocaleTimeString()}, by ${one.by}`;
    const end = element("button", "", "withdraw");
    end.type = "button";
    end.ariaLabel = `withdraw the override of ${one.about}`;
    const [, scope, ...name] = one.key.split("/");
    end.addEventListener("click", () => this.force({ scope, name: name.join("/"), level: null }));
    const row = element("li", "", "", element("span", "", words), end);
    row.dataset.key = one.key;
    return row;
  }

  /** Only a zone and a node have names; offer those that there are. */
  scoped() {
    const { scope, name } = this.modeForm.elements;
    const named = scope.value !== "cluster";
    name.disabled = !named;
    name.required = named;
    if (!named) name.value = "";
    const names = (this.view?.members ?? []).map((one) => (scope.value === "zone" ? one.zone : one.name));
    byId("names").replaceChildren(...[...new Set(names)].filter(Boolean).map((one) => new Option(one)));
  }

  async purge(asked) {
    const state = this.purgeForm.querySelector("[role=status]");
    const order = { [asked.get("what")]: asked.get("value"), soft: asked.has("soft"), majority: asked.has("majority") };
    const made = await this.post("/v1/purge", order, state);
    if (made) await this.follow(made, state);
  }

  async override(asked) {
    const level = asked.get("level");
    const order = { scope: asked.get("scope"), level: Number(level), for_s: 60 * Number(asked.get("minutes")) };
    await this.force(asked.get("name") ? { ...order, name: asked.get("name") } : order);
  }

  async force(order) {
    const state = this.modeForm.querySelector("[role=status]");
    const made = await this.post("/v1/monsoon", order, state);
    if (!made) return;
    const lasts = made.level === null ? "is withdrawn" : `is forced to level ${made.level} for ${duration(made.until - Date.now() / 1000)}`;
    say(state, "done", `${made.about} ${lasts}.`);
  }

  /** The answer to an order; null where there is none, and then `state` says why. */
  async post(path, order, state) {
    say(state, "waiting", "…");
    try {
      const headers = { "Content-Type": "application/json" };
      const answer = await this.token.fetch(this.base + path, { method: "POST", headers, body: JSON.stringify(order), patience_ms: PATIENCE_MS });
      if (answer.ok) return await answer.json();
      say(state, "failed", `Refused: ${(await answer.text()).trim()}`);
    } catch {
      say(state, "failed", "The node did not answer; whether it has heard the order is not known.");
    }
    return null;
  }

  /** Tell who has acted, until all have, or for some seconds. */
  async follow(made, state) {
    const begun = performance.now();
    let told = made;
    while (told.missing.length && performance.now() - begun < FOLLOWED_MS) {
      say(state, "waiting", acted(told));
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      told = (await this.again(made)) ?? told;
    }
    say(state, told.missing.length ? "failed" : "done", acted(told));
  }

  async again({ kind, key, origin, time }) {
    try {
      const answer = await this.token.fetch(`${this.base}/v1/events`, { patience_ms: PATIENCE_MS });
      const { events } = await answer.json();
      return events.find((one) => one.kind === kind && one.key === key && one.origin === origin && one.time === time);
    } catch {
      return undefined;
    }
  }
}

function say(state, outcome, words) {
  state.dataset.outcome = outcome;
  setText(state, words);
}

function acted({ key, reached, members, missing, acted_ms }) {
  const slowest = Math.max(0, ...Object.values(acted_ms));
  if (!missing.length) return `${key} is purged on all ${members} nodes, the last after ${slowest} ms.`;
  const rest = missing.length - NAMES_SHOWN;
  const names = missing.slice(0, NAMES_SHOWN).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
  return `${key} is purged on ${reached.length} of ${members} nodes; missing: ${names}. Who was away hears of it when it is back.`;
}
