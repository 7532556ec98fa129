/** Small helpers. Text goes in as text only: names come from the network. */

const SVG = "http://www.w3.org/2000/svg";

export function byId(id) {
  return document.getElementById(id);
}

export function setText(element, value) {
  const text = String(value);
  if (element.textContent !== text) element.textContent = text;
}

/** A new HTML element with classes, text and children. */
export function element(tag, className = "", text = "", ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

/** A new SVG element with attributes and children. */
export function shape(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  set(made, attributes);
  made.append(...children);
  return made;
}

/** Set several attributes, touching only those that change. */
export function set(target, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (target.getAttribute(name) !== String(value)) target.setAttribute(name, value);
  }
}

/** Keep one child per key: makes missing ones, removes others, returns them by key. */
export function keyed(known, keys, make) {
  const wanted = new Set(keys);
  for (const [key, entry] of known) {
    if (!wanted.has(key)) {
      entry.root.remove();
      known.delete(key);
    }
  }
  for (const key of keys) if (!known.has(key)) known.set(key, make(key));
  return known;
}
