/**
 * Who stands for whom: every node for itself, or, where they are many, each zone for its nodes; regions, where the
 * zones are too many, too. What is drawn stays bounded, however large the cluster.
 */

const ALONE_MAX = 24; // nodes that are drawn one by one
const PLACES_MAX = 40;
const REST = "other places";
const NOWHERE = "no zone";
const WORST_FIRST = ["unreachable", "suspect", "alive", "left"];

/** The place that each member counts to: `{crowded, of: member => name, names}`, names in order. */
export function placesOf(members) {
  const crowded = members.length > ALONE_MAX;
  for (const label of ["zone", "region"]) {
    const of = (one) => one[label] || NOWHERE;
    const names = [...new Set(members.map(of))].sort();
    if (names.length <= PLACES_MAX) return { crowded, of, names };
  }
  const counts = new Map();
  for (const one of members) counts.set(one.region, (counts.get(one.region) ?? 0) + 1);
  const largest = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const kept = new Set(largest.slice(0, PLACES_MAX - 1).map(([name]) => name));
  const of = (one) => (kept.has(one.region) ? one.region || NOWHERE : REST);
  return { crowded, of, names: [...new Set(members.map(of))].sort() };
}

/** What there is to draw: `{key, group, members}`; `group` is the place's name, or "" for a node that stands alone. */
export function thingsOf(members, places) {
  if (!places.crowded) return members.map((one) => ({ key: one.name, group: "", members: [one] }));
  const byName = new Map(places.names.map((name) => [name, []]));
  for (const one of members) byName.get(places.of(one)).push(one);
  return [...byName].map(([name, inside]) => ({ key: `place ${name}`, group: name, members: inside }));
}

/** The members of one thing in sum. `side` says on which side of a cut a name is. */
export function summed(members, side) {
  const counts = { alive: 0, suspect: 0, unreachable: 0, left: 0 };
  const sum = { streams: 0, capacity: 0, level: 0, lost: 0, island: 0, bad: 0, loss: 0, measured: 0 };
  for (const { name, status, load, link } of members) {
    counts[status] += 1;
    const where = side(name);
    if (where) sum[where] += 1;
    if (where === "lost" || status === "unreachable") sum.bad += 1;
    if (link) [sum.loss, sum.measured] = [sum.loss + link.loss, sum.measured + 1];
    if (!load || status === "unreachable" || status === "left") continue;
    sum.streams += load.streams;
    sum.capacity += load.capacity;
    sum.level = Math.max(sum.level, load.level);
  }
  const worst = WORST_FIRST.find((status) => counts[status]) ?? "left";
  const ratio = sum.capacity ? sum.streams / sum.capacity : 0;
  return { ...sum, counts, worst, ratio, quality: quality(sum, members.length), side: sideOf(sum) };
}

/** How the way there is, from this node: cut where most are out of reach. */
function quality(sum, count) {
  if (2 * sum.bad >= count) return "cut";
  return sum.measured && sum.loss / sum.measured > 0.05 ? "poor" : "good";
}

function sideOf({ lost, island }) {
  if (lost) return "lost";
  return island ? "island" : "";
}

/** What is wrong with a place, in few words: "2 lost", "1 suspect"; empty where nothing is. */
export function trouble({ counts, lost }) {
  if (lost) return `${lost} lost`;
  return ["unreachable", "suspect"].filter((one) => counts[one]).map((one) => `${counts[one]} ${one}`).join(", ");
}

/** A thing in words, for those who do not see it. */
export function inWords({ group, members }, sum) {
  const load = `load ${Math.round(100 * sum.ratio)}%, ${sum.streams} viewers`;
  if (!group) return `${members[0].name}: ${members[0].status}${sum.side === "lost" ? ", lost by the cut" : ""}, ${load}`;
  return `${group}: ${members.length} nodes, ${trouble(sum) || "all well"}, ${load}`;
}
