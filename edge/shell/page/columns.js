/** The table's columns: what each says of a member, and by what it sorts. */

const STATUSES = ["unreachable", "suspect", "left", "alive"]; // the worst first
const SIDES = { lost: "lost", island: "this side", "": "–" };

/** `text` is what is shown, `key` what is sorted by (missing values come last), `number` where large comes first. */
export const COLUMNS = [
  { id: "name", key: ({ name }) => name, text: ({ name, self }) => (self ? `${name} (this page)` : name) },
  { id: "status", key: ({ status }) => STATUSES.indexOf(status), text: ({ status }) => status },
  { id: "island", key: ({ side }) => Object.keys(SIDES).indexOf(side), text: ({ side }) => SIDES[side] },
  { id: "level", number: true, key: ({ load }) => load?.level, text: ({ load }) => load?.level ?? "–" },
  { id: "zone", key: ({ zone }) => zone || undefined, text: ({ zone }) => zone || "–" },
  { id: "isp", key: ({ isp }) => isp || undefined, text: ({ isp }) => isp || "–" },
  { id: "viewers", number: true, key: ({ load }) => load?.streams, text: ({ load }) => (load ? `${load.streams} / ${load.capacity}` : "–") },
  { id: "load", number: true, key: ({ load }) => load?.ratio, text: ({ load }) => (load ? `${Math.round(100 * load.ratio)}%` : "–") },
  { id: "mbps", number: true, key: ({ load }) => load?.mbps, text: ({ load }) => (load ? load.mbps.toFixed(1) : "–") },
  { id: "reported", number: true, key: ({ load }) => load?.age_s, text: ({ load }) => (load ? `${load.age_s.toFixed(1)} s ago` : "–") },
  { id: "rtt", number: true, key: ({ link }) => link?.rtt_ms, text: ({ link }) => (link ? `${link.rtt_ms.toFixed(1)} ms` : "–") },
];

const byName = new Intl.Collator("en", { numeric: true }).compare;

/** Members in the order of a column; ties by name. */
export function sorted(members, id, descending) {
  const { key } = COLUMNS.find((one) => one.id === id);
  const keyed = members.map((one) => [key(one), one]);
  const sign = descending ? -1 : 1;
  keyed.sort(([a, one], [b, other]) => {
    if ((a === undefined) !== (b === undefined)) return a === undefined ? 1 : -1;
    const order = typeof a === "string" ? byName(a, b) : (a ?? 0) - (b ?? 0);
    return sign * order || byName(one.name, other.name);
  });
  return keyed.map(([, one]) => one);
}

const STATES = {
  "": () => true,
  trouble: ({ status, side }) => status === "suspect" || status === "unreachable" || side === "lost",
  lost: ({ side }) => side === "lost",
};

/** Whether a member fits what a person looks for: words in its name, zone or ISP; a state; a place. */
export function fits(member, { words, state, place }, places) {
  if (place && places.of(member) !== place) return false;
  if (!(STATES[state] ?? ((one) => one.status === state))(member)) return false;
  const text = `${member.name} ${member.zone} ${member.isp}`.toLowerCase();
  return words.every((word) => text.includes(word));
}
