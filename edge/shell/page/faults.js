/**
 * Buttons that break things, in the demo only: its nodes carry a tag `faults`, the address of a control beside them.
 * Only one on this machine is believed: a tag must not send a person's browser elsewhere.
 */
import { element, setText } from "./dom.js";

const EVERY_MS = 2000;
const PATIENCE_MS = 1500;
const HERE = ["127.0.0.1", "localhost"];
const KINDS = { city: "cut a city", region: "cut a region", isp: "degrade an ISP", origin: "take away the" };

export class FaultBoard {
  /** @param {HTMLElement} root stays hidden where there is no control */
  constructor(root) {
    this.root = root;
    this.state = root.querySelector("[role=status]");
    this.groups = root.querySelector(".groups");
    this.buttons = new Map();
    this.url = "";
    this.asked = -EVERY_MS;
    root.querySelector(".heal").addEventListener("click", () => this.send({ kind: "all", on: false }));
  }

  /** Look for a control in a view, and ask it now and then: another page may have changed things. */
  update(view) {
    const tag = view.members.find((one) => one.name === view.self)?.tags.faults;
    if (tag && URL.canParse(tag) && HERE.includes(new URL(tag).hostname)) this.url = `${new URL(tag).origin}/v1/faults`;
    if (!this.url || performance.now() - this.asked < EVERY_MS) return;
    this.asked = performance.now();
    this.ask({});
  }

  send(fault) {
    this.ask({ method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(fault) });
  }

  async ask(question) {
    try {
      const answer = await fetch(this.url, { ...question, signal: AbortSignal.timeout(PATIENCE_MS) });
      if (answer.ok) this.draw(await answer.json());
      else setText(this.state, await answer.text());
    } catch {
      setText(this.state, "the demo does not answer");
    }
  }

  draw({ loss, faults }) {
    if (!this.buttons.size) this.make(faults, loss);
    for (const { kind, name, on } of faults) this.buttons.get(`${kind} ${name}`)?.setAttribute("aria-pressed", on);
    const active = faults.filter((one) => one.on).map((one) => (one.kind === "origin" ? "no origin" : one.name));
    setText(this.state, active.length ? `broken: ${active.join(", ")}` : "nothing is broken");
    this.root.hidden = false;
  }

  make(faults, loss) {
    for (const [kind, label] of Object.entries(KINDS)) {
      const title = kind === "isp" ? `${label} (${Math.round(100 * loss)}% loss)` : label;
      const group = element("span", "group", "", element("span", "label", title));
      group.role = "group";
      group.ariaLabel = title;
      for (const one of faults.filter((each) => each.kind === kind)) group.append(this.button(one));
      this.groups.append(group);
    }
  }

  button({ kind, name }) {
    const made = element("button", "", name);
    made.type = "button";
    made.dataset.fault = `${kind} ${name}`;
    made.addEventListener("click", () => this.send({ kind, name, on: made.getAttribute("aria-pressed") !== "true" }));
    this.buttons.set(`${kind} ${name}`, made);
    return made;
  }
}
