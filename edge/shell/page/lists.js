/** Hot segments and events. */
import { element, setText } from "./dom.js";

const EVENTS_MAX = 100;

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

/** Newest first; those already shown stay untouched, so that screen readers hear only what is new. */
export function drawEvents(list, events) {
  const newest = Number(list.firstElementChild?.dataset.id ?? 0);
  const restarted = events.length > 0 && events.at(-1).id < newest;
  if (restarted) list.replaceChildren();
  for (const event of events) {
    if (event.id <= newest && !restarted) continue;
    const when = new Date(event.time * 1000);
    const time = element("time", "", when.toLocaleTimeString());
    time.dateTime = when.toISOString();
    const item = element("li", "", "", time, element("span", "status", event.text));
    item.dataset.id = event.id;
    item.dataset.kind = event.kind;
    item.dataset.node = event.node;
    item.lastChild.dataset.status = event.kind;
    list.prepend(item);
  }
  while (list.children.length > EVENTS_MAX) list.lastChild.remove();
}
