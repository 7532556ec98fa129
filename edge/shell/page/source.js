/** Where views come from: the server-sent events of one node, and of another one when it falls silent. */

const SILENCE_MS = 3000;
const PAUSE_MS = 400;
const FAILURES_BEFORE_SWITCH = 2;
const BUFFER_MAX = 32 * 1024 * 1024; // characters of one event

/**
 * Call `onView` with every view and the address that it came from; when a node fails, `onLost` with the address that is asked next.
 * @param {string} first origin of the admin port that served this page
 * @param {import("./token.js").Token} token
 * @param {{onView: (view: object, base: string) => void, onLost: (next: string) => void}} handlers
 */
export async function watchView(first, token, { onView, onLost }) {
  let bases = [first];
  let index = 0;
  let failures = 0;
  for (;;) {
    const base = bases[index];
    try {
      await listen(base, token, (view) => {
        failures = 0;
        bases = [base, ...others(view, base)];
        index = 0;
        onView(view, base);
      });
    } catch {
      // silent, refused or broken off: all the same to us
    }
    failures += 1;
    if (failures % FAILURES_BEFORE_SWITCH === 0) index = (index + 1) % bases.length;
    onLost(bases[index]);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** The other nodes' addresses. */
function others(view, base) {
  return view.members.filter((one) => one.status === "alive" && one.admin && one.admin !== base).map((one) => one.admin);
}

/** Hear one stream until it ends or says nothing for long; not by `EventSource`, which cannot send a token. */
async function listen(base, token, onView) {
  const ending = new AbortController();
  let watchdog = 0;
  const arm = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => ending.abort(), SILENCE_MS);
  };
  arm();
  try {
    const answer = await fetch(`${base}/v1/stream`, { headers: token.headers, signal: ending.signal, cache: "no-store" });
    if (answer.status === 401) {
      clearTimeout(watchdog);
      await token.wanted((await answer.text()).trim());
      return;
    }
    if (!answer.ok) return;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let buffer = ""; buffer.length < BUFFER_MAX; ) {
      const { value, done } = await reader.read();
      if (done) return;
      buffer += value;
      const end = buffer.lastIndexOf("\n\n");
      if (end < 0) continue;
      arm();
      const newest = buffer.slice(0, end).split("\n\n").findLast((one) => one.startsWith("event: view\ndata: "));
      buffer = buffer.slice(end + 2);
      if (newest) onView(JSON.parse(newest.slice("event: view\ndata: ".length)));
    }
  } finally {
    clearTimeout(watchdog);
    ending.abort();
  }
}
