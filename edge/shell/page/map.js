/** The map: the land, a circle for each node (area: viewers, ring: load), links from the node that is asked; halos in a cut. */
import { keyed, set, setText, shape } from "./dom.js";
import { OUTLINE } from "./india.js";
import { sides } from "./partition.js";

const WEST = 66.6;
const NORTH = 38;
const SCALE = 22;
const STRETCH = Math.cos((22.5 * Math.PI) / 180);
const WIDTH = Math.round((98.4 - WEST) * STRETCH * SCALE);
const HEIGHT = Math.round((NORTH - 7) * SCALE);
const FULL = 0.9;
const LABEL_HEIGHT = 17;
const SPREAD_ROUNDS = 4;

/** Longitude and latitude to the drawing's coordinates (equirectangular, true at 22.5° N). */
export function project(lon, lat) {
  return [(lon - WEST) * STRETCH * SCALE, (NORTH - lat) * SCALE];
}

export class ClusterMap {
  /** @param {SVGElement} svg */
  constructor(svg) {
    set(svg, { viewBox: `0 0 ${WIDTH} ${HEIGHT}` });
    const points = OUTLINE.map(([lon, lat]) => project(lon, lat).map(Math.round).join(","));
    this.links = shape("g");
    this.nodes = shape("g");
    svg.append(shape("polygon", { class: "land", points: points.join(" ") }), this.links, this.nodes);
    this.linkByName = new Map();
    this.nodeByName = new Map();
  }

  draw(view) {
    const places = spread(place(view.members), view.members);
    const labels = labelSides(view.members, places);
    const side = sides(view);
    keyed(this.nodeByName, view.members.map((one) => one.name), (name) => this.makeNode(name));
    for (const member of view.members) {
      this.drawNode(member, places.get(member.name), labels.get(member.name));
      const marks = { "data-self": member.name === view.self, "data-side": side(member.name) };
      set(this.nodeByName.get(member.name).root, marks);
    }
    const others = view.members.filter((one) => one.name !== view.self && one.status !== "left");
    keyed(this.linkByName, others.map((one) => one.name), () => this.makeLink());
    const from = places.get(view.self);
    for (const member of others) this.drawLink(member, from, places.get(member.name), side(member.name) === "lost");
  }

  makeNode(name) {
    const halo = shape("circle", { class: "halo" });
    const dot = shape("circle", { class: "dot" });
    const fill = shape("circle", { class: "fill", pathLength: 100, "stroke-dasharray": 100, transform: "rotate(-90)" });
    const cross = shape("path", { class: "cross", d: "M-6,-6L6,6M-6,6L6,-6" });
    const count = shape("text", { class: "count" });
    const label = shape("text", {});
    const root = shape("g", { class: "node", "data-node": name }, halo, dot, fill, cross, count, label);
    this.nodes.append(root);
    return { root, halo, dot, fill, count, label };
  }

  drawNode(member, [x, y], side) {
    const { root, halo, dot, fill, count, label } = this.nodeByName.get(member.name);
    const load = member.load;
    const r = radius(load?.streams ?? 0);
    set(root, { transform: `translate(${x},${y})`, "data-status": member.status });
    set(halo, { r: r + 15 });
    set(dot, { r });
    const ratio = Math.min(1, load?.ratio ?? 0);
    set(fill, { r: r + 5, "stroke-dashoffset": 100 - 100 * ratio, "data-full": ratio > FULL });
    setText(count, load ? load.streams : "");
    setText(label, member.name);
    const anchor = { "-1": "end", 0: "middle", 1: "start" }[side];
    set(label, { x: side * (r + 12), y: side ? 5 : r + 22, "text-anchor": anchor });
  }

  makeLink() {
    const root = shape("path", { class: "link" });
    this.links.append(root);
    return { root };
  }

  drawLink(member, [x1, y1], [x2, y2], lost) {
    const lift = 0.12;
    const [cx, cy] = [(x1 + x2) / 2 + (y1 - y2) * lift, (y1 + y2) / 2 + (x2 - x1) * lift];
    const quality = lost || member.status === "unreachable" ? "cut" : (member.link?.loss ?? 0) > 0.05 ? "poor" : "good";
    set(this.linkByName.get(member.name).root, { d: `M${x1},${y1}Q${cx},${cy} ${x2},${y2}`, "data-quality": quality });
  }
}

/** Area, not radius, follows the viewers. */
function radius(streams) {
  return Math.min(34, 11 + 1.6 * Math.sqrt(streams));
}

/** Where each node goes: its coordinates, or a row at the foot for those without. */
function place(members) {
  const places = new Map();
  let homeless = 0;
  for (const member of members) {
    const [lon, lat] = [Number.parseFloat(member.tags.lon), Number.parseFloat(member.tags.lat)];
    if (Number.isFinite(lon) && Number.isFinite(lat)) {
      const [x, y] = project(lon, lat);
      places.set(member.name, [clamp(x, WIDTH), clamp(y, HEIGHT)]);
    } else {
      places.set(member.name, [40 + ((homeless * 46) % (WIDTH - 80)), HEIGHT - 30 - 46 * Math.floor((homeless * 46) / (WIDTH - 80))]);
      homeless += 1;
    }
  }
  return places;
}

/** Move circles that would cover each other apart, each by half; close cities stay close. */
function spread(places, members) {
  const reach = new Map(members.map((one) => [one.name, radius(one.load?.streams ?? 0) + 9]));
  for (let round = 0; round < SPREAD_ROUNDS; round += 1) {
    for (const a of members) {
      for (const b of members) {
        if (a.name < b.name) part(places.get(a.name), places.get(b.name), reach.get(a.name) + reach.get(b.name));
      }
    }
  }
  return places;
}

function part(a, b, wanted) {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const distance = Math.hypot(dx, dy) || 1;
  if (distance >= wanted) return;
  const shift = (wanted - distance) / 2 / distance;
  a[0] -= dx * shift;
  a[1] -= dy * shift;
  b[0] += dx * shift;
  b[1] += dy * shift;
}

function clamp(value, limit) {
  return Math.max(24, Math.min(limit - 24, value));
}

/** Labels stand right of their node, unless another node is there; then left; where both sides are taken, below (0). */
function labelSides(members, places) {
  const sides = new Map();
  for (const member of members) {
    const [x, y] = places.get(member.name);
    const taken = (side) =>
      (side > 0 ? x > WIDTH - 120 : x < 80) ||
      members.some((other) => {
        const [ox, oy] = places.get(other.name);
        const away = (ox - x) * side;
        return other !== member && away > 0 && away < 110 && Math.abs(oy - y) < 2 * LABEL_HEIGHT;
      });
    sides.set(member.name, !taken(1) ? 1 : !taken(-1) ? -1 : 0);
  }
  return sides;
}
