/** Where views come from: the server-sent events of one node, and of another one when it falls silent. */

const SILENCE_MS = 3000;
const FAILURES_BEFORE_SWITCH = 2;

/**
 * Call `onView` with every view and the address that it came from; when a node fails, `onLost` with the address that is asked next.
 * @param {string} first origin of the admin port that served this page
 * @param {{onView: (view: object, base: string) => void, onLost: (next: string) => void}} handlers
 */
export function watchView(first, { onView, onLost }) {
  let bases = [first];
  let index = 0;
  let failures = 0;
  let events = null;
  let watchdog = 0;

  function listen() {
    events = new EventSource(`${bases[index]}/v1/stream`);
    events.addEventListener("view", (event) => {
      failures = 0;
      arm();
      const view = JSON.parse(event.data);
      remember(view);
      onView(view, bases[0]);
    });
    events.onerror = fail;
    arm();
  }

  function arm() {
    clearTimeout(watchdog);
    watchdog = setTimeout(fail, SILENCE_MS);
  }

  function fail() {
    events.close();
    clearTimeout(watchdog);
    failures += 1;
    if (failures % FAILURES_BEFORE_SWITCH === 0) index = (index + 1) % bases.length;
    onLost(bases[index]);
    setTimeout(listen, 400);
  }

  /** The other nodes' addresses, the present one first. */
  function remember(view) {
    const current = bases[index];
    const others = view.members.filter((one) => one.status === "alive" && one.admin && one.admin !== current);
    bases = [current, ...others.map((one) => one.admin)];
    index = 0;
  }

  listen();
}
