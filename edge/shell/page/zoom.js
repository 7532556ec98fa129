/**
 * Zoom and pan of the map: wheel (with Ctrl, or once the map has the focus), pinch, drag, buttons and keys.
 * The state is `k` (1: the whole map) and the offset `x`, `y`, in units of the drawing.
 */

const MOST = 8;
const STEP = 1.5;
const PAN = 60;
const DRAG_FROM = 4; // pixels; less is a click
const WHEEL = 0.0022;

export class Zoom {
  /**
   * @param {SVGElement} svg has a viewBox of `width` and `height`
   * @param {() => void} onChange called at most once a frame
   */
  constructor(svg, { width, height }, onChange) {
    Object.assign(this, { svg, width, height, onChange, k: 1, x: 0, y: 0 });
    this.pointers = new Map();
    this.dragged = false;
    this.asked = 0;
    svg.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    svg.addEventListener("pointerdown", (event) => this.onDown(event));
    svg.addEventListener("pointermove", (event) => this.onMove(event));
    for (const over of ["pointerup", "pointercancel"]) svg.addEventListener(over, (event) => this.pointers.delete(event.pointerId));
    svg.addEventListener("click", (event) => this.dragged && event.stopPropagation(), { capture: true });
    svg.addEventListener("keydown", (event) => this.onKey(event));
  }

  /** A place of the whole map as it is drawn now. */
  at([x, y]) {
    return [x * this.k + this.x, y * this.k + this.y];
  }

  /** Closer by `factor`, so that the point `about` stays where it is. */
  by(factor, about = [this.width / 2, this.height / 2]) {
    const k = Math.min(MOST, Math.max(1, this.k * factor));
    const real = k / this.k;
    this.k = k;
    this.move(about[0] + (this.x - about[0]) * real - this.x, about[1] + (this.y - about[1]) * real - this.y);
  }

  closer(about) { this.by(STEP, about); }
  further(about) { this.by(1 / STEP, about); }
  whole() { this.by(1 / MOST); }

  /** Shift, but never past the map's edge. */
  move(dx, dy) {
    this.x = Math.min(0, Math.max(this.width * (1 - this.k), this.x + dx));
    this.y = Math.min(0, Math.max(this.height * (1 - this.k), this.y + dy));
    this.svg.dataset.zoom = this.k.toFixed(2);
    this.svg.style.touchAction = this.k > 1 ? "none" : "pan-x pan-y"; // one finger scrolls the page while all is seen
    if (!this.asked) {
      this.asked = requestAnimationFrame(() => {
        this.asked = 0;
        this.onChange();
      });
    }
  }

  onWheel(event) {
    const wanted = event.ctrlKey || event.metaKey || this.svg.contains(document.activeElement);
    if (!wanted || (this.k === 1 && event.deltaY > 0)) return; // the page scrolls
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    const pinched = event.ctrlKey ? 4 : 1; // a touchpad's pinch comes as small steps
    this.by(Math.exp(-Math.max(-300, Math.min(300, event.deltaY * lines * pinched)) * WHEEL), this.local(event));
  }

  onDown(event) {
    if (!this.pointers.size) this.dragged = false;
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
  }

  onMove(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = [event.clientX, event.clientY];
    if (!this.dragged && Math.hypot(now[0] - before[0], now[1] - before[1]) < DRAG_FROM) return;
    if (!this.dragged) this.svg.setPointerCapture(event.pointerId);
    this.dragged = true;
    const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
    this.pointers.set(event.pointerId, now);
    const unit = this.svg.getScreenCTM().a;
    if (!other) {
      this.move((now[0] - before[0]) / unit, (now[1] - before[1]) / unit);
      return;
    }
    const spread = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]) || 1;
    const middle = { clientX: (now[0] + other[0]) / 2, clientY: (now[1] + other[1]) / 2 };
    this.by(spread(now) / spread(before), this.local(middle));
    this.move((now[0] - before[0]) / 2 / unit, (now[1] - before[1]) / 2 / unit);
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return; // the browser's own zoom
    const acts = {
      "+": () => this.closer(), "=": () => this.closer(), "-": () => this.further(), 0: () => this.whole(),
      ArrowLeft: () => this.move(PAN, 0), ArrowRight: () => this.move(-PAN, 0),
      ArrowUp: () => this.move(0, PAN), ArrowDown: () => this.move(0, -PAN),
    };
    const act = acts[event.key];
    if (!act || (event.key.startsWith("Arrow") && this.k === 1)) return;
    event.preventDefault();
    act();
  }

  /** The pointer's place in units of the drawing. */
  local({ clientX, clientY }) {
    const { x, y } = new DOMPoint(clientX, clientY).matrixTransform(this.svg.getScreenCTM().inverse());
    return [x, y];
  }
}
