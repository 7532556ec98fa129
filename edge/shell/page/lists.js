/** Hot segments and events, and the voice that says what matters to those who do not see the page. */
import { element, setText } from "./dom.js";

const EVENTS_MAX = 100;
const TOGETHER_S = 10; // events of one kind so close to each other are one line in a large cluster
const LARGE = 24; // members
const NAMES_SHOWN = 8;
const SPOKEN = ["partition", "island", "healed", "monsoon", "unreachable", "conflict", "storm"];

/** Bars of the hottest segments, longest first. */
export function drawHot(list, hot) {
  const most = Math.max(1, ...hot.map((one) => one.rate));
  while (list.children.length > hot.length) list.lastChild.remove();
  while (list.children.length < hot.length) {
    const bar = element("span", "bar");
    list.append(element("li", "", "", bar, element("span", "path"), element("span", "figures")));
  }
  hot.forEach((one, index) => {
    const [bar, path, figures] = list.children[index].children;
    bar.style.width = `${(100 * one.rate) / most}%`;
    setText(path, one.path.replace(/^\/live\//, ""));
    path.title = one.path;
    setText(figures, `${one.rate.toFixed(1)}/s on ${one.nodes} ${one.nodes === 1 ? "node" : "nodes"}`);
  });
}

/** The newest first; those already shown stay untouched. */
export class EventList {
  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} voice a live region: hears of what matters and is new, not of the past
   */
  constructor(list, voice) {
    this.list = list;
    this.voice = voice;
    [this.teller, this.newest, this.begun] = ["", 0, false];
    this.run = null; // the newest line's kind, time and names
  }

  draw({ self, events, members }) {
    if (self !== this.teller || (events.length && events.at(-1).id < this.newest)) this.restart(self);
    const fresh = events.filter((one) => one.id > this.newest);
    for (const event of fresh) this.add(event, members.length > LARGE);
    while (this.list.children.length > EVENTS_MAX) this.list.lastChild.remove();
    if (fresh.length) this.newest = fresh.at(-1).id;
    const spoken = fresh.filter((one) => SPOKEN.includes(one.kind));
    if (this.begun && spoken.length) setText(this.voice, inOneBreath(spoken));
    this.begun = true;
  }

  /** Another node, or a new process of this one: its numbers begin anew. */
  restart(teller) {
    this.list.replaceChildren();
    [this.teller, this.newest, this.run, this.begun] = [teller, 0, null, false];
  }

  add(event, large) {
    const { run } = this;
    if (large && run?.kind === event.kind && event.time - run.time < TOGETHER_S && run.names[0] !== event.node) {
      run.names.unshift(event.node);
      run.item.dataset.node = event.node;
      setText(run.item.lastChild, `${run.names.length} ${event.kind}: ${some(run.names)}`);
      return;
    }
    const when = new Date(event.time * 1000);
    const time = element("time", "", when.toLocaleTimeString());
    time.dateTime = when.toISOString();
    const item = element("li", "", "", time, element("span", "status", event.text));
    item.dataset.kind = event.kind;
    item.dataset.node = event.node;
    item.lastChild.dataset.status = event.kind;
    this.list.prepend(item);
    this.run = { kind: event.kind, time: event.time, names: [event.node], item };
  }
}

function some(names) {
  const rest = names.length - NAMES_SHOWN;
  return names.slice(0, NAMES_SHOWN).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

/** A screen reader says one sentence, however many nodes went. */
function inOneBreath(events) {
  const gone = events.filter((one) => one.kind === "unreachable").map((one) => one.node);
  const rest = events.filter((one) => one.kind !== "unreachable").map((one) => one.text);
  if (gone.length) rest.push(`unreachable: ${some(gone)}`);
  return rest.join(". ");
}
