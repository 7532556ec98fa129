/** Where things stand on the map so that they can be read: apart from each other, labels where there is room. */

const LABEL_HEIGHT = 17;
const LETTER = 8.2; // width of one, more or less
const SPREAD_ROUNDS = 6;
const HEART = 6; // seeds that a sunflower's middle has room for
const GOLDEN = Math.PI * (3 - Math.sqrt(5));

/**
 * Move circles that would cover each other apart, each by half; close cities stay close.
 * @param {{at: [number, number], reach: number, open: boolean}[]} things changed in place; an open one stays where it is
 */
export function spread(things) {
  for (let round = 0; round < SPREAD_ROUNDS; round += 1) {
    for (let i = 0; i < things.length; i += 1) {
      for (let j = i + 1; j < things.length; j += 1) part(things[i], things[j]);
    }
  }
}

function part(a, b) {
  const [dx, dy] = [b.at[0] - a.at[0], b.at[1] - a.at[1]];
  const wanted = a.reach + b.reach;
  const distance = Math.hypot(dx, dy);
  if (distance >= wanted) return;
  const shift = wanted - distance;
  const [ux, uy] = distance ? [dx / distance, dy / distance] : [1, 0];
  const [mine, yours] = a.open ? [0, shift] : b.open ? [shift, 0] : [shift / 2, shift / 2];
  a.at = [a.at[0] - ux * mine, a.at[1] - uy * mine];
  b.at = [b.at[0] + ux * yours, b.at[1] + uy * yours];
}

/**
 * Labels stand right of their thing (1), unless another one or the edge is there; then left (-1); where both are taken,
 * below (0). `scale` is of all symbols.
 */
export function labelSide(thing, things, width, scale) {
  const [x, y] = thing.at;
  const needs = (thing.r + 12 + LETTER * thing.name.length) * scale;
  const free = (side) =>
    (side > 0 ? x + needs < width : x - needs > 0) &&
    !things.some((other) => {
      const away = (other.at[0] - x) * side;
      const height = Math.max(2 * LABEL_HEIGHT * scale, other.reach + (LABEL_HEIGHT * scale) / 2);
      return other !== thing && away > 0 && away < needs + other.reach && Math.abs(other.at[1] - y) < height;
    });
  if (free(1)) return 1;
  return free(-1) ? -1 : 0;
}

/** Place of the `index`-th seed of a sunflower around a heart: neighbours stand about `pitch` from each other. */
export function seed(index, pitch) {
  const [r, angle] = [0.6 * pitch * Math.sqrt(index + HEART), index * GOLDEN];
  return [r * Math.cos(angle), r * Math.sin(angle)];
}

/** Radius of a sunflower of so many seeds. */
export function flowerRadius(count, pitch) {
  return 0.6 * pitch * (Math.sqrt(count + HEART) + 1);
}
