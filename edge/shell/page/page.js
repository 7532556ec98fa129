/**
 * The live page: one view of the cluster, redrawn about twice a second.
 *
 * For tests and scripts: body[data-connection=connecting|live|lost], #total-alive, #total-streams, #source,
 * #nodes tr[data-node][data-status][data-side][data-level], #map g[data-node][data-status][data-side=island|lost],
 * body[data-partition] and #banner[data-standing]: majority|minority|open or empty, #banner[data-mode],
 * #timeline .mode[data-mode][data-level], #timeline .mark[data-kind], #faults button[data-fault][aria-pressed] (the demo only),
 * #hot li, #events li[data-kind][data-node],
 * #player video, #player[data-engine=native|hlsjs|none], #player[data-nodes] (names, most recent first; hls.js only,
 * the browser's own player does not tell).
 */
import { FaultBoard } from "./faults.js";
import { drawEvents, drawHot } from "./lists.js";
import { ClusterMap } from "./map.js";
import { MonsoonWatch } from "./monsoon.js";
import { drawBanner } from "./partition.js";
import { Player } from "./player.js";
import { watchView } from "./source.js";
import { NodeTable } from "./table.js";
import { Timeline } from "./timeline.js";
import { byId, setText } from "./dom.js";

const map = new ClusterMap(document.querySelector("#map svg"));
const table = new NodeTable(document.querySelector("#nodes tbody"));
const player = new Player(byId("player"), new URLSearchParams(location.search).get("player"));
const timeline = new Timeline(byId("timeline"));
const faults = new FaultBoard(byId("faults"));
const monsoon = new MonsoonWatch();

function drawTotals(view) {
  setText(byId("cluster"), view.cluster);
  setText(byId("total-alive"), view.totals.alive);
  setText(byId("total-members"), ` of ${view.totals.members}`);
  setText(byId("total-streams"), view.totals.streams);
  setText(byId("total-mbps"), view.totals.mbps.toFixed(1));
  setText(byId("total-rps"), view.totals.rps);
}

watchView(location.origin, {
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
    drawEvents(byId("events"), view.events);
    player.update(view);
    faults.update(view);
  },
  onLost(next) {
    document.body.dataset.connection = "lost";
    setText(byId("source"), `the node does not answer; asking ${next}`);
  },
});
