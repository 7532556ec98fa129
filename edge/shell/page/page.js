/**
 * The live page: one view of the cluster, redrawn about twice a second.
 *
 * For tests and scripts: body[data-connection=connecting|live|lost], #total-alive, #total-streams, #source,
 * #nodes tr[data-node][data-status][data-side][data-level], #map g[data-node][data-status][data-side=island|lost],
 * where there are many #map g[data-place][data-count][data-status][aria-expanded] and #map svg[data-zoom],
 * body[data-partition] and #banner[data-standing]: majority|minority|open or empty, #banner[data-cut][data-mode],
 * #timeline .mode[data-mode][data-level], #timeline .mark[data-kind], #faults button[data-fault][aria-pressed] (the demo only),
 * #hot li, #events li[data-kind][data-node], #purge and #override [role=status][data-outcome=waiting|done|failed],
 * #player video, #player[data-engine=native|hlsjs|none], #player[data-nodes] (names, most recent first; hls.js only,
 * the browser's own player does not tell).
 */
import { FaultBoard } from "./faults.js";
import { drawHot, EventList } from "./lists.js";
import { ClusterMap } from "./map.js";
import { MonsoonWatch } from "./monsoon.js";
import { Orders } from "./orders.js";
import { drawBanner } from "./partition.js";
import { Player } from "./player.js";
import { watchView } from "./source.js";
import { NodeTable } from "./table.js";
import { Timeline } from "./timeline.js";
import { Token } from "./token.js";
import { byId, setText } from "./dom.js";

const token = new Token(byId("token-section"));
const map = new ClusterMap(document.querySelector("#map svg"), choose);
const table = new NodeTable(byId("nodes-section"), choose);
const events = new EventList(byId("events"), byId("voice"));
const player = new Player(byId("player"), new URLSearchParams(location.search).get("player"));
const timeline = new Timeline(byId("timeline"));
const faults = new FaultBoard(byId("faults"));
const monsoon = new MonsoonWatch(token);
const orders = new Orders(token);

/** One place, on the map and in the table; "" for all. */
function choose(place) {
  map.open(place);
  table.choose(place);
}

function drawTotals(view) {
  const { alive, members, streams, mbps, rps } = view.totals;
  setText(byId("cluster"), view.cluster);
  setText(byId("total-alive"), alive);
  setText(byId("total-members"), ` of ${members}`);
  setText(byId("total-streams"), streams.toLocaleString("en"));
  setText(byId("total-mbps"), mbps < 1000 ? mbps.toFixed(1) : Math.round(mbps).toLocaleString("en"));
  setText(byId("total-rps"), rps.toLocaleString("en"));
}

watchView(location.origin, token, {
  onView(view, base) {
    document.body.dataset.connection = "live";
    setText(byId("source"), `as ${view.self} sees it`);
    drawTotals(view);
    monsoon.update(base);
    drawBanner(byId("banner"), view, monsoon.status);
    timeline.draw(view, monsoon.status);
    map.draw(view);
    table.draw(view);
    drawHot(byId("hot"), view.hot);
    events.draw(view);
    player.update(view);
    faults.update(view);
    orders.update(base, view, monsoon.status);
  },
  onLost(next) {
    document.body.dataset.connection = "lost";
    setText(byId("source"), `the node does not answer; asking ${next}`);
  },
});
