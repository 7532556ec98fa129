/** Monsoon mode of the node that is asked: fetched every two seconds beside its views. */

const EVERY_MS = 2000;
const PATIENCE_MS = 1500;

export class MonsoonWatch {
  /** @param {import("./token.js").Token} token */
  constructor(token) {
    this.token = token;
    this.status = null;
    this.asked = -EVERY_MS;
    this.base = "";
  }

  /** Ask `base` if it is time to; what it last said is in `status`, null before that. */
  async update(base) {
    const now = performance.now();
    if (base === this.base && now - this.asked < EVERY_MS) return;
    if (base !== this.base) this.status = null; // another node, another history
    this.base = base;
    this.asked = now;
    try {
      const answer = await this.token.fetch(`${base}/v1/monsoon`, { patience_ms: PATIENCE_MS });
      const told = answer.ok ? await answer.json() : null;
      if (base === this.base && told) this.status = told;
    } catch {
      // it does not answer now: what it said last stands, and its views tell whether it lives
    }
  }
}
