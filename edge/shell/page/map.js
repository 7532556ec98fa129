/**
 * The map: the land, a circle for each node or, where they are many, for each place (area: viewers, ring: load); links
 * from the node that is asked; halos in a cut. A place opens into its nodes.
 */
import { byId, keyed, set, setText, shape } from "./dom.js";
import { inWords, placesOf, summed, thingsOf, trouble } from "./groups.js";
import { OUTLINE } from "./india.js";
import { flowerRadius, labelSide, seed, spread } from "./layout.js";
import { sides } from "./partition.js";
import { Zoom } from "./zoom.js";

const WEST = 66.6;
const NORTH = 38;
const SCALE = 22;
const STRETCH = Math.cos((22.5 * Math.PI) / 180);
const WIDTH = Math.round((98.4 - WEST) * STRETCH * SCALE);
const HEIGHT = Math.round((NORTH - 7) * SCALE);
const FULL = 0.9;
const EDGE = 24; // that a circle keeps from the map's edge
const LINKS_MAX = 40;
const [SMALL, LARGE] = [11, 34]; // radius of a circle
const MANY_VIEWERS = 200; // at least so many make the largest circle
const PITCH = 15; // between the nodes of an open place
const ABOVE = 18; // room for the name of an open place
const NAMED_FROM = 46; // a pitch that leaves room for names
const READABLE = 0.82; // pixels of a unit from which text is large enough
const QUALITIES = ["cut", "poor", "good"];

/** Longitude and latitude to the drawing's coordinates (equirectangular, true at 22.5° N). */
function project(lon, lat) {
  return [(lon - WEST) * STRETCH * SCALE, (NORTH - lat) * SCALE];
}

export class ClusterMap {
  /**
   * @param {SVGElement} svg
   * @param {(place: string) => void} onOpen hears which place a person opened; "" for none
   */
  constructor(svg, onOpen) {
    this.svg = svg;
    this.onOpen = onOpen;
    set(svg, { viewBox: `0 0 ${WIDTH} ${HEIGHT}` });
    const points = OUTLINE.map(([lon, lat]) => project(lon, lat).map(Math.round).join(","));
    this.land = shape("polygon", { class: "land", points: points.join(" ") });
    [this.links, this.nodes, this.tray] = [shape("g", { "aria-hidden": true }), shape("g"), shape("g", { class: "tray", role: "group" })];
    this.disc = shape("circle", { class: "disc" });
    this.tray.append(this.disc);
    svg.append(this.land, this.links, this.tray, this.nodes);
    [this.linkByKey, this.thingByKey, this.seedByName] = [new Map(), new Map(), new Map()];
    [this.things, this.opened, this.scale] = [[], "", 1];
    this.zoom = new Zoom(svg, { width: WIDTH, height: HEIGHT }, () => this.lay());
    byId("map-closer").addEventListener("click", () => this.zoom.closer(this.middle));
    byId("map-further").addEventListener("click", () => this.zoom.further(this.middle));
    byId("map-whole").addEventListener("click", () => this.zoom.whole());
    new ResizeObserver(() => this.resized()).observe(svg);
  }

  /** What the buttons zoom to: the open place, else the middle. */
  get middle() {
    return this.things.find((one) => one.open)?.at;
  }

  /** Show the nodes of this place one by one; of no place for "". */
  open(place) {
    this.opened = place;
    if (this.view) this.draw(this.view);
  }

  draw(view) {
    this.view = view;
    const side = sides(view);
    const places = placesOf(view.members);
    this.things = thingsOf(view.members, places);
    const homes = homesOf(this.things);
    for (const thing of this.things) {
      thing.home = homes.get(thing.key);
      thing.name = thing.group || thing.members[0].name;
      thing.sum = summed(thing.members, side);
      thing.self = thing.members.some((one) => one.name === view.self);
      thing.open = thing.group !== "" && thing.group === this.opened;
    }
    const most = Math.max(MANY_VIEWERS, ...this.things.map((one) => one.sum.streams));
    for (const thing of this.things) thing.r = thing.open ? SMALL : SMALL + (LARGE - SMALL) * Math.sqrt(thing.sum.streams / most);
    keyed(this.thingByKey, this.things.map((one) => one.key), (key) => this.make(key));
    for (const thing of this.things) this.fill(thing);
    this.drawTray(this.things.find((one) => one.open), side);
    this.lay();
  }

  make(key) {
    const halo = shape("circle", { class: "halo" });
    const dot = shape("circle", { class: "dot" });
    const fill = shape("circle", { class: "fill", pathLength: 100, "stroke-dasharray": 100, transform: "rotate(-90)" });
    const cross = shape("path", { class: "cross", d: "M-6,-6L6,6M-6,6L6,-6" });
    const count = shape("text", { class: "count" });
    const [label, note] = [shape("text", { class: "label" }), shape("text", { class: "note" })];
    const root = shape("g", { class: "node" }, halo, dot, fill, cross, count, label, note);
    const place = key.startsWith("place ") ? key.slice("place ".length) : "";
    if (place) {
      const toggle = () => this.onOpen(this.opened === place ? "" : place);
      set(root, { role: "button", tabindex: 0, "data-place": place });
      root.addEventListener("click", toggle);
      root.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        toggle();
      });
    } else set(root, { role: "img", "data-node": key });
    this.nodes.append(root);
    return { root, halo, dot, fill, count, label, note };
  }

  /** What a thing says, wherever it stands. */
  fill(thing) {
    const { root, halo, dot, fill, count, label, note } = this.thingByKey.get(thing.key);
    const { sum, r, group, members } = thing;
    set(root, { "data-status": sum.worst, "data-self": thing.self, "data-side": sum.side, "aria-label": inWords(thing, sum) });
    if (group) set(root, { "aria-expanded": thing.open, "data-count": members.length });
    set(halo, { r: r + 15 });
    set(dot, { r });
    const ratio = Math.min(1, sum.ratio);
    set(fill, { r: r + 5, "stroke-dashoffset": 100 - 100 * ratio, "data-full": ratio > FULL });
    setText(count, group ? members.length : members[0].load ? members[0].load.streams : "");
    setText(label, thing.name);
    setText(note, group ? trouble(sum) : "");
  }

  /** The nodes of the open place. */
  drawTray(thing, side) {
    const members = thing ? [...thing.members].sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true })) : [];
    set(this.tray, { visibility: thing ? "visible" : "hidden", "aria-label": thing ? `Nodes of ${thing.group}` : "No place is open" });
    keyed(this.seedByName, members.map((one) => one.name), (name) => {
      const [dot, label, title] = [shape("circle", { class: "dot", r: 5.5 }), shape("text", { class: "label", y: 16 }), shape("title")];
      const root = shape("g", { class: "node seed", role: "img", "data-node": name }, title, dot, shape("path", { class: "cross", d: "M-4,-4L4,4M-4,4L4,-4" }), label);
      setText(label, name);
      this.tray.append(root);
      return { root, dot, title };
    });
    for (const one of members) {
      const { root, dot, title } = this.seedByName.get(one.name);
      const words = inWords({ group: "", members: [one] }, summed([one], side));
      set(root, { "data-status": one.status, "data-side": side(one.name), "aria-label": words });
      set(dot, { "data-full": (one.load?.ratio ?? 0) > FULL, "fill-opacity": (one.load?.ratio ?? 0).toFixed(1) });
      setText(title, words);
    }
    this.seeds = members.map((one) => this.seedByName.get(one.name).root);
  }

  resized() {
    const { width, height } = this.svg.getBoundingClientRect();
    const unit = Math.min(width / WIDTH, height / HEIGHT) || 1;
    this.scale = Math.min(2, Math.max(1, READABLE / unit));
    this.lay();
  }

  /** Put everything where it belongs at this zoom; symbols keep their size. */
  lay() {
    const { zoom, scale, things } = this;
    const pitch = Math.min(4, zoom.k) * PITCH * scale;
    set(this.land, { transform: `translate(${zoom.x},${zoom.y}) scale(${zoom.k})` });
    for (const one of things) {
      one.at = zoom.at(one.home);
      one.reach = one.open ? flowerRadius(one.members.length, pitch) + ABOVE * scale : (one.r + 9) * scale;
      if (one.open && zoom.k === 1) one.at = [inside(one.at[0], one.reach, WIDTH), inside(one.at[1], one.reach, HEIGHT)];
    }
    spread(things);
    for (const one of things) this.put(one, labelSide(one, things, WIDTH, scale));
    this.putTray(things.find((one) => one.open), pitch);
    this.putLinks();
  }

  put(thing, side) {
    const { root, label, note } = this.thingByKey.get(thing.key);
    const [x, y] = thing.at;
    set(root, { transform: `translate(${x.toFixed(1)},${y.toFixed(1)}) scale(${this.scale})` });
    if (thing.open) { // the name above its nodes, below the map's edge
      const top = Math.max(ABOVE * this.scale - thing.reach - 6, 18 * this.scale - y) / this.scale;
      set(label, { x: 0, y: top, "text-anchor": "middle" });
      set(note, { x: 0, y: top + 16, "text-anchor": "middle" });
      return;
    }
    const { r } = thing;
    const at = { x: side * (r + 12), "text-anchor": { "-1": "end", 0: "middle", 1: "start" }[side] };
    set(label, { ...at, y: side ? 5 : r + 22 });
    set(note, { ...at, y: side ? 21 : r + 38 });
  }

  putTray(thing, pitch) {
    if (!thing) return;
    const [x, y] = thing.at;
    set(this.tray, { transform: `translate(${x.toFixed(1)},${y.toFixed(1)})`, "data-named": pitch >= NAMED_FROM * this.scale });
    set(this.disc, { r: thing.reach - ABOVE * this.scale });
    this.seeds.forEach((root, index) => {
      const [dx, dy] = seed(index, pitch);
      set(root, { transform: `translate(${dx.toFixed(1)},${dy.toFixed(1)}) scale(${this.scale})` });
    });
  }

  /** Links from the own place, the broken ones first; no more than can be told apart. */
  putLinks() {
    const from = this.things.find((one) => one.self);
    const others = from ? this.things.filter((one) => one !== from && one.sum.worst !== "left") : [];
    others.sort((a, b) => QUALITIES.indexOf(a.sum.quality) - QUALITIES.indexOf(b.sum.quality));
    const shown = others.slice(0, LINKS_MAX);
    keyed(this.linkByKey, shown.map((one) => one.key), () => {
      const root = shape("path", { class: "link" });
      this.links.append(root);
      return { root };
    });
    for (const one of shown) set(this.linkByKey.get(one.key).root, { d: curve(from.at, one.at), "data-quality": one.sum.quality });
  }
}

function curve([x1, y1], [x2, y2]) {
  const lift = 0.12;
  const [cx, cy] = [(x1 + x2) / 2 + (y1 - y2) * lift, (y1 + y2) / 2 + (x2 - x1) * lift];
  return `M${[x1, y1].map(Math.round)}Q${[cx, cy].map(Math.round)} ${[x2, y2].map(Math.round)}`;
}

/** Where each thing is at home: the middle of its members' coordinates, or a row at the foot for those without. */
function homesOf(things) {
  const homes = new Map();
  let homeless = 0;
  for (const { key, members } of things) {
    const known = members.map(({ tags }) => [Number.parseFloat(tags.lon), Number.parseFloat(tags.lat)]).filter((one) => one.every(Number.isFinite));
    if (known.length) {
      const middle = (axis) => known.reduce((sum, one) => sum + one[axis], 0) / known.length;
      const [x, y] = project(middle(0), middle(1));
      homes.set(key, [inside(x, EDGE, WIDTH), inside(y, EDGE, HEIGHT)]);
    } else {
      homes.set(key, [40 + ((homeless * 46) % (WIDTH - 80)), HEIGHT - 30 - 46 * Math.floor((homeless * 46) / (WIDTH - 80))]);
      homeless += 1;
    }
  }
  return homes;
}

/** `value`, but not closer than `margin` to 0 or `limit`. */
function inside(value, margin, limit) {
  return Math.max(Math.min(margin, limit / 2), Math.min(limit - Math.min(margin, limit / 2), value));
}
