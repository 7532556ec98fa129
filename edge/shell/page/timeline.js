/**
 * The timeline: the last ten minutes of the node that is asked, less if it is younger. Above, the cuts; below, its mode,
 * as high as its level.
 * Drawn anew from what the node remembers, so it is the same for a page that was just opened. Times are the node's;
 * where its clock is ahead of the browser's, the newest things stand at the right edge.
 */
import { element, set } from "./dom.js";

const WINDOW_MIN_S = 120;
const WINDOW_MAX_S = 600;
const TICKS_S = [30, 60, 120];
const TICKS_MAX = 6;
const TICK_FROM_EDGE = 4; // percent of the width that half its text needs
const LEVELS = 4;
const LOWEST = 40; // percent of the height: room for the label of level 0
const LABEL_FROM = 7; // percent of the width that a label needs
const MARKS = ["partition", "island", "healed"]; // kinds of events

export class Timeline {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.cuts = element("div", "cuts");
    this.modes = element("div", "modes");
    this.axis = element("div", "axis");
    root.append(this.cuts, this.modes, this.axis);
  }

  /** @param {object} view @param {object | null} monsoon answer of /v1/monsoon */
  draw(view, monsoon) {
    const now = Date.now() / 1000;
    const window = Math.min(WINDOW_MAX_S, Math.max(WINDOW_MIN_S, view.uptime_s));
    const from = now - window;
    const at = (time) => (100 * (Math.min(now, Math.max(from, time)) - from)) / window;
    const marks = view.events.filter((one) => MARKS.includes(one.kind) && one.time > from);
    const cuts = cutSpans(view, now);
    this.cuts.replaceChildren(
      ...cuts.map((one) => span("cut", at(one.from), at(one.to), "partition")),
      ...marks.map((one) => mark(one, at(one.time))),
    );
    this.modes.replaceChildren(...modeSpans(monsoon, now - view.uptime_s).map((one) => modeBar(one, at, now)));
    this.axis.replaceChildren(...ticks(from, now).map((time) => tick(time, at(time))));
    set(this.root, { "aria-label": words(monsoon, cuts.filter((one) => one.to > from).length) });
  }
}

/** When the node knew itself cut: from each declaration to its heal, the last perhaps until now. */
function cutSpans(view, now) {
  const spans = [];
  let open = null;
  for (const event of view.events) {
    if (event.kind === "partition") open ??= event.time;
    if (event.kind === "healed") {
      spans.push({ from: open ?? 0, to: event.time }); // one without a beginning began before what is remembered
      open = null;
    }
  }
  if (view.partition) spans.push({ from: now - view.partition.age_s, to: now });
  return spans;
}

/** Mode and level between transitions; before the first one remembered, what that one began with. */
function modeSpans(monsoon, started) {
  if (!monsoon) return [];
  const changes = monsoon.transitions;
  const first = changes[0];
  const before = first
    ? { mode: first.from, level: first.level_before, reason: "" }
    : { mode: monsoon.mode, level: monsoon.level, reason: monsoon.reason };
  const spans = [{ ...before, from: started }];
  for (const one of changes) spans.push({ mode: one.to, level: one.level, reason: one.reason, from: one.time });
  return spans.map((one, index) => ({ ...one, to: spans[index + 1]?.from ?? Infinity }));
}

function modeBar(one, at, now) {
  const [left, right] = [at(one.from), at(Math.min(one.to, now))];
  const label = one.level ? `${one.mode} ${one.level}` : one.mode;
  const bar = span("mode", left, right, label);
  bar.dataset.mode = one.mode;
  bar.dataset.level = one.level;
  bar.style.height = `${LOWEST + ((100 - LOWEST) * one.level) / LEVELS}%`;
  bar.title = `${one.mode}, level ${one.level}${one.reason ? `: ${one.reason}` : ""}`;
  return bar;
}

function span(className, left, right, label) {
  const made = element("span", className, right - left >= LABEL_FROM ? label : "");
  made.style.left = `${left}%`;
  made.style.width = `${right - left}%`;
  return made;
}

function mark(event, left) {
  const made = element("span", "mark");
  made.dataset.kind = event.kind;
  made.style.left = `${left}%`;
  made.title = `${new Date(event.time * 1000).toLocaleTimeString()} ${event.text}`;
  return made;
}

function ticks(from, now) {
  const every = TICKS_S.find((one) => (now - from) / one <= TICKS_MAX);
  const edge = ((now - from) * TICK_FROM_EDGE) / 100;
  const times = [];
  for (let time = Math.ceil((from + edge) / every) * every; time < now - edge; time += every) times.push(time);
  return times;
}

function tick(time, left) {
  const made = element("span", "", new Date(time * 1000).toLocaleTimeString([], { timeStyle: "medium" }));
  made.style.left = `${left}%`;
  return made;
}

function words(monsoon, cuts) {
  const mode = monsoon ? `now ${monsoon.mode}, level ${monsoon.level}` : "mode not known";
  return `The last minutes: ${cuts} ${cuts === 1 ? "partition" : "partitions"}, ${mode}; the events say the same in words`;
}
