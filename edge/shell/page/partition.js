/** The cut that the cluster is in: on which side each node is, and the banner that says it in words. */
import { set, setText } from "./dom.js";

const NAMES_SHOWN = 8;
const ZONES_SHOWN = 4;

/** A function from a node's name to "island", "lost" or, while the cluster is whole, "". */
export function sides(view) {
  const island = new Set(view.partition?.island);
  const lost = new Set(view.partition?.lost);
  return (name) => (lost.has(name) ? "lost" : island.has(name) ? "island" : "");
}

/** "majority", "minority", "open" while the losses go on, or "" while the cluster is whole. */
export function standing(partition) {
  if (!partition) return "";
  if (!partition.settled) return "open";
  return partition.majority ? "majority" : "minority";
}

/** Write what there is to say about the cut and about the own node's mode; hide the banner when all is well. */
export function drawBanner(banner, view, monsoon) {
  const cut = view.partition ? cutWords(view.partition, view.members) : "";
  const mode = monsoon && monsoon.mode !== "clear" ? modeWords(monsoon) : "";
  const [first, second] = banner.children;
  setText(first, cut);
  setText(second, mode);
  banner.hidden = !cut && !mode;
  set(banner, { "data-standing": standing(view.partition), "data-cut": view.partition?.id ?? "", "data-mode": monsoon?.mode ?? "" });
  document.body.dataset.partition = standing(view.partition);
}

/** "Partition since 12 s (pune-1): mumbai, surat lost; this side, 8 of 10 nodes, is the majority."; many are counted by zone. */
export function cutWords(partition, members) {
  const side = `this side, ${partition.island.length} of ${members.length} nodes,`;
  const which = { open: "still loses nodes", majority: "is the majority", minority: "is not the majority" }[standing(partition)];
  return `Partition since ${duration(partition.age_s)} (${partition.id}): ${lostWords(partition)} lost; ${side} ${which}.`;
}

function lostWords({ lost, lost_zones }) {
  if (lost.length <= NAMES_SHOWN) return lost.join(", ");
  const zones = Object.entries(lost_zones).map(([zone, count]) => `${count} of ${zone || "no zone"}`);
  const rest = zones.length - ZONES_SHOWN;
  return zones.slice(0, ZONES_SHOWN).join(", ") + (rest > 0 ? ` and ${rest} more ${rest === 1 ? "zone" : "zones"}` : "");
}

function modeWords(monsoon) {
  const since = duration(Math.max(0, Date.now() / 1000 - monsoon.since));
  return `${monsoon.self} went to ${monsoon.mode}, level ${monsoon.level}, ${since} ago: ${monsoon.reason}.`;
}

/** Seconds in words: "12 s", "3 min 5 s", "2 h 4 min". */
export function duration(seconds) {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
