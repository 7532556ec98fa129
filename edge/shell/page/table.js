/** The table of nodes: found by words, state and place, in the order of any column, a page at a time. */
import { COLUMNS, fits, sorted } from "./columns.js";
import { byId, element, set, setText, shape } from "./dom.js";
import { placesOf } from "./groups.js";
import { sides } from "./partition.js";

const FULL = 0.9;
const PAGE = 50; // rows
const LEVELS = [
  "normal",
  "players are asked to stay low",
  "serves what is stale, retains what is popular",
  "sheds DVR and VOD, refuses new viewers near its capacity",
  "serves live playlists and cached live segments only",
];

export class NodeTable {
  /**
   * @param {HTMLElement} section
   * @param {(place: string) => void} onPlace hears of a place that was chosen; "" for all
   */
  constructor(section, onPlace) {
    this.heads = [...section.querySelectorAll("th[data-column]")];
    this.body = section.querySelector("tbody");
    this.place = byId("find-place");
    this.pager = section.querySelector(".pager");
    this.rows = [];
    this.wanted = { words: [], state: "", place: "" };
    this.order = { id: "name", descending: false };
    this.page = 0;
    const narrowed = (part) => {
      Object.assign(this.wanted, part);
      this.page = 0;
      this.again();
    };
    byId("find-words").addEventListener("input", (event) => narrowed({ words: event.target.value.toLowerCase().split(/\s+/).filter(Boolean) }));
    byId("find-state").addEventListener("change", (event) => narrowed({ state: event.target.value }));
    this.place.addEventListener("change", () => onPlace(this.place.value));
    this.choose = (place) => {
      this.place.value = place;
      narrowed({ place });
    };
    for (const head of this.heads) head.firstChild.addEventListener("click", () => this.sort(head.dataset.column));
    byId("page-before").addEventListener("click", () => this.turn(-1));
    byId("page-after").addEventListener("click", () => this.turn(1));
  }

  sort(id) {
    const number = COLUMNS.find((one) => one.id === id).number ?? false;
    this.order = { id, descending: this.order.id === id ? !this.order.descending : number };
    this.page = 0;
    this.again();
  }

  turn(by) {
    this.page += by;
    this.again();
  }

  again() {
    if (this.view) this.draw(this.view);
  }

  draw(view) {
    this.view = view;
    const side = sides(view);
    const places = placesOf(view.members);
    this.offer(places.names);
    const members = view.members.map((one) => ({ ...one, self: one.name === view.self, side: side(one.name) }));
    const found = sorted(members.filter((one) => fits(one, this.wanted, places)), this.order.id, this.order.descending);
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    this.page = Math.max(0, Math.min(pages - 1, this.page));
    const shown = found.slice(this.page * PAGE, (this.page + 1) * PAGE);
    while (this.rows.length > shown.length) this.rows.pop().root.remove();
    while (this.rows.length < shown.length) this.rows.push(this.make());
    shown.forEach((member, index) => this.fill(this.rows[index], member));
    this.tell(found.length, view.members.length, pages);
    for (const head of this.heads) {
      const sign = head.dataset.column === this.order.id ? (this.order.descending ? "descending" : "ascending") : "none";
      set(head, { "aria-sort": sign });
    }
  }

  /** How many were found, and on which page we are. */
  tell(found, all, pages) {
    setText(byId("found"), found === all ? `${all} nodes` : `${found} of ${all} nodes`);
    this.pager.hidden = pages === 1;
    setText(byId("page-now"), `page ${this.page + 1} of ${pages}`);
    byId("page-before").disabled = this.page === 0;
    byId("page-after").disabled = this.page === pages - 1;
  }

  /** Keep the list of places to choose from, and the choice. */
  offer(names) {
    const known = [...this.place.options].slice(1).map((one) => one.value);
    if (known.length === names.length && known.every((one, index) => one === names[index])) return;
    this.place.replaceChildren(this.place.options[0], ...names.map((name) => new Option(name)));
    this.place.value = names.includes(this.wanted.place) ? this.wanted.place : "";
    this.wanted.place = this.place.value;
  }

  make() {
    const cells = this.heads.map((head, index) => {
      const cell = element(index ? "td" : "th", head.className);
      if (!index) cell.scope = "row";
      return cell;
    });
    const by = Object.fromEntries(this.heads.map((head, index) => [head.dataset.column, cells[index]]));
    const texts = { ...by };
    for (const [id, className] of [["status", "status"], ["island", "side"], ["level", "level"], ["load", ""]]) {
      texts[id] = element("span", className);
      by[id].append(texts[id]);
    }
    const bar = shape("rect", { height: 10, width: 0 });
    const gauge = shape("svg", { class: "gauge", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": true });
    gauge.append(shape("rect", { class: "track", height: 10, width: 100 }), bar);
    by.load.prepend(gauge);
    const root = element("tr", "", "", ...cells);
    this.body.append(root);
    return { root, texts, bar, gauge };
  }

  fill({ root, texts, bar, gauge }, member) {
    const { load } = member;
    set(root, { "data-node": member.name, "data-status": member.status, "data-side": member.side, "data-level": load?.level ?? "" });
    for (const { id, text } of COLUMNS) setText(texts[id], text(member));
    set(texts.status, { "data-status": member.status });
    set(texts.level, { title: LEVELS[load?.level] ?? "" });
    set(bar, { width: load ? Math.min(100, 100 * load.ratio) : 0 });
    set(gauge, { "data-full": Boolean(load && load.ratio > FULL) });
  }
}
