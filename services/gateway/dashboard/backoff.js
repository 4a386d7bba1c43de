/** Pauses between attempts to reconnect. */

const FIRST_MS = 1000;
const LONGEST_MS = 30000;

export class Backoff {
  #pause = FIRST_MS;

  /** The next pause, ms: twice the one before, up to a limit. It varies by a quarter, so that pages do not return together. */
  next(random = Math.random) {
    const pause = this.#pause * (0.75 + random() / 2);
    this.#pause = Math.min(LONGEST_MS, this.#pause * 2);
    return pause;
  }

  /** Start with short pauses again. */
  reset() {
    this.#pause = FIRST_MS;
  }
}
