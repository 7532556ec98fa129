/** The table of nodes: one row a node, in order of name. */
import { element, keyed, set, setText, shape } from "./dom.js";
import { sides } from "./partition.js";

const FULL = 0.9;
const NUMBERS = [5, 7, 8, 9];
const SIDES = { island: "this side", lost: "lost", "": "–" };
const LEVELS = [
  "normal",
  "players are asked to stay low",
  "serves what is stale, retains what is popular",
  "sheds DVR and VOD, refuses new viewers near its capacity",
  "serves live playlists and cached live segments only",
];

export class NodeTable {
  /** @param {HTMLElement} body */
  constructor(body) {
    this.body = body;
    this.rows = new Map();
  }

  draw(view) {
    const names = view.members.map((one) => one.name);
    keyed(this.rows, names, (name) => this.make(name));
    const side = sides(view);
    view.members.forEach((member, index) => {
      const row = this.rows.get(member.name);
      if (this.body.children[index] !== row.root) this.body.insertBefore(row.root, this.body.children[index] ?? null);
      this.fill(row, member, member.name === view.self);
      this.place(row, side(member.name));
    });
  }

  make(name) {
    const cells = Array.from({ length: 10 }, (_, index) => element("td", NUMBERS.includes(index) ? "number" : ""));
    const bar = shape("rect", { height: 10, width: 0 });
    const gauge = shape("svg", { class: "gauge", viewBox: "0 0 100 10", preserveAspectRatio: "none" });
    gauge.append(shape("rect", { class: "track", height: 10, width: 100 }), bar);
    const percent = element("span");
    cells[1].append(element("span", "status"));
    cells[2].append(element("span", "side"));
    cells[3].append(element("span", "level"));
    cells[6].append(gauge, percent);
    const root = element("tr", "", "", ...cells);
    root.dataset.node = name;
    return { root, cells, bar, gauge, percent };
  }

  fill(row, member, isSelf) {
    const { cells, bar, gauge, percent } = row;
    const load = member.load;
    row.root.dataset.status = member.status;
    setText(cells[0], isSelf ? `${member.name} (this page)` : member.name);
    const status = cells[1].firstChild;
    status.dataset.status = member.status;
    setText(status, member.status);
    this.showLevel(row, load?.level);
    setText(cells[4], member.isp || "–");
    setText(cells[5], load ? `${load.streams} / ${load.capacity}` : "–");
    set(bar, { width: load ? Math.min(100, 100 * load.ratio) : 0 });
    set(gauge, { "data-full": Boolean(load && load.ratio > FULL) });
    setText(percent, load ? `${Math.round(100 * load.ratio)}%` : "–");
    setText(cells[7], load ? load.mbps.toFixed(1) : "–");
    setText(cells[8], load ? `${load.age_s.toFixed(1)} s ago` : "–");
    setText(cells[9], member.link ? `${member.link.rtt_ms.toFixed(1)} ms` : "–");
  }

  /** Which side of the cut it is on. */
  place({ root, cells }, side) {
    root.dataset.side = side;
    setText(cells[2].firstChild, SIDES[side]);
  }

  /** How far it has degraded, as it last told; undefined before it told anything. */
  showLevel({ root, cells }, level) {
    root.dataset.level = level ?? "";
    const shown = cells[3].firstChild;
    setText(shown, level ?? "–");
    shown.title = LEVELS[level] ?? "";
  }
}
