/** The player: the browser's own HLS where it has one, else hls.js; recovers, and says where segments came from. */
import { element, setText } from "./dom.js";

const STREAM = "/v1/route/live/main.m3u8";
const HLS_TYPE = "application/vnd.apple.mpegurl";
const LIBRARY = "/page/vendor/hls.min.js";
const STALLED_MS = 8000;
const NODES_SHOWN = 4;

export class Player {
  /**
   * @param {HTMLElement} section
   * @param {string | null} forced "native" or "hlsjs" where somebody wants to choose
   */
  constructor(section, forced) {
    this.section = section;
    this.video = section.querySelector("video");
    this.state = section.querySelector("#player-state");
    this.nodeLine = section.querySelector("#player-nodes");
    this.forced = forced;
    this.bases = [];
    this.nodeByHost = new Map();
    this.recent = [];
    this.hls = null;
    this.base = "";
    this.moved = performance.now();
    this.position = 0;
    setInterval(() => this.watch(), 1000);
  }

  /** Learn the nodes of a view; start when the first one comes. */
  update(view) {
    const self = view.members.find((one) => one.name === view.self);
    const alive = view.members.filter((one) => one.status === "alive" && one.public);
    this.bases = [self, ...alive].filter((one) => one?.public).map((one) => one.public);
    this.nodeByHost = new Map(view.members.filter((one) => one.public).map((one) => [new URL(one.public).host, one.name]));
    if (!this.base && this.bases.length) this.start(this.bases[0]);
  }

  /** Play through the node at `base`. */
  async start(base) {
    this.base = base;
    this.moved = performance.now();
    const native = this.video.canPlayType(HLS_TYPE) !== "" && this.forced !== "hlsjs";
    const engine = native || this.forced === "native" ? "native" : (await loadLibrary()) ? "hlsjs" : "none";
    this.section.dataset.engine = engine;
    if (engine === "none") {
      setText(this.state, "This browser has no HLS of its own, and hls.js is not installed: run make install where npm is.");
      return;
    }
    if (engine === "native") this.video.src = base + STREAM;
    else this.startLibrary(base);
    this.video.play().catch((error) => setText(this.state, error.name === "NotAllowedError" ? "press play" : "no stream here yet …"));
  }

  startLibrary(base) {
    this.hls?.destroy();
    const hls = new window.Hls({ liveSyncDurationCount: 3 });
    this.hls = hls;
    hls.on(window.Hls.Events.FRAG_LOADED, (_, data) => this.sawNode(data.networkDetails?.responseURL));
    hls.on(window.Hls.Events.ERROR, (_, data) => {
      if (!data.fatal) return;
      if (data.type === window.Hls.ErrorTypes.MEDIA_ERROR) hls.recoverMediaError();
      else this.moveOn();
    });
    hls.loadSource(base + STREAM);
    hls.attachMedia(this.video);
  }

  /** Each second: has playback moved, and what is there to say? */
  watch() {
    const { video } = this;
    if (video.currentTime !== this.position || (video.paused && !video.error)) {
      this.position = video.currentTime;
      this.moved = performance.now();
    } else if (this.base && performance.now() - this.moved > STALLED_MS) {
      this.moveOn();
      return;
    }
    this.describe();
  }

  /** This node gives nothing: try another one. */
  moveOn() {
    const others = this.bases.filter((one) => one !== this.base);
    if (others.length) this.start(others[Math.floor(Math.random() * others.length)]);
  }

  sawNode(url) {
    const name = url && this.nodeByHost.get(new URL(url).host);
    if (!name) return;
    this.recent = [name, ...this.recent.filter((one) => one !== name)];
    this.section.dataset.nodes = this.recent.join(" ");
  }

  describe() {
    const { video } = this;
    if (!this.base || this.section.dataset.engine === "none" || !video.videoHeight) return;
    const ends = video.buffered.length ? video.buffered.end(video.buffered.length - 1) : video.currentTime;
    const ahead = Math.max(0, ends - video.currentTime).toFixed(1);
    const how = this.section.dataset.engine === "native" ? "the browser's own HLS" : "hls.js";
    setText(this.state, `${video.videoHeight}p by ${how}, ${ahead} s ahead`);
    const names = this.recent.slice(0, NODES_SHOWN).join(", ");
    if (names) setText(this.nodeLine, `the last segments came from ${names}`);
    else setText(this.nodeLine, "each segment comes from the node that the cluster chose for it");
  }
}

/** Load hls.js once; false where it is not installed. */
function loadLibrary() {
  if (window.Hls) return Promise.resolve(window.Hls.isSupported());
  return new Promise((resolve) => {
    const script = element("script");
    script.src = LIBRARY;
    script.onload = () => resolve(window.Hls.isSupported());
    script.onerror = () => resolve(false);
    document.head.append(script);
  });
}
