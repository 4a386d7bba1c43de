/** The WebSocket: connects, reconnects after growing pauses or when the gateway falls silent, and reports its state. */

import { Backoff } from "./backoff.js";

const WATCH_MS = 1000;
const POLICY_VIOLATION = 1008;
/** What a new connection is given to say something. */
const PATIENCE_MS = 9000;

export class Stream {
  /**
   * @param {(message: object) => void} onMessage called with every message of the server
   * @param {(state: "connecting" | "open" | "lost", retryAt?: number) => void} onState called on every change
   * @param {() => boolean} isSilent whether the gateway should have been heard by now
   * @param {() => string} keyOf the key to say first, "" where there is none
   * @param {() => void} onDenied called where the gateway closes because a key is needed
   */
  constructor(onMessage, onState, isSilent, keyOf = () => "", onDenied = () => {}) {
    this.onMessage = onMessage;
    this.onState = onState;
    this.isSilent = isSilent;
    this.keyOf = keyOf;
    this.onDenied = onDenied;
    this.backoff = new Backoff();
    this.subscription = null;
    window.addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.hurry());
  }

  /** Follow these channels, now and after every reconnection; forecasts of a model and horizon. */
  subscribe(subscription) {
    this.subscription = { type: "subscribe", ...subscription };
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(this.subscription));
    else if (!this.socket) this.open();
  }

  open() {
    clearTimeout(this.retry);
    this.retry = undefined;
    this.onState("connecting");
    const url = new URL("/ws/predictions", location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("horizon_minutes", this.subscription.horizon_minutes);
    if (this.subscription.model) url.searchParams.set("model", this.subscription.model);
    for (const channel of this.subscription.channels) url.searchParams.append("channels", channel);
    const socket = new WebSocket(url);
    this.socket = socket;
    this.openedAt = performance.now();
    const asked = this.subscription;
    clearInterval(this.watching);
    this.watching = setInterval(() => this.watch(), WATCH_MS);
    socket.addEventListener("open", () => {
      if (this.socket !== socket) return;
      // Browsers send no headers with a handshake: who reads with a key says it first.
      const key = this.keyOf();
      if (key) socket.send(JSON.stringify({ type: "authenticate", token: key }));
      this.onState("open");
      if (asked !== this.subscription) socket.send(JSON.stringify(this.subscription));
    });
    socket.addEventListener("message", (event) => {
      if (this.socket !== socket) return;
      this.backoff.reset();
      this.onMessage(JSON.parse(event.data));
    });
    socket.addEventListener("close", (event) => {
      if (this.socket !== socket) return;
      if (event.code === POLICY_VIOLATION && event.reason.includes("401")) this.onDenied();
      this.lost();
    });
  }

  /** A gateway that hangs closes nothing: leave the connection, and do not wait until it agrees. */
  watch() {
    if (this.retry !== undefined || performance.now() - this.openedAt < PATIENCE_MS || !this.isSilent()) return;
    const { socket } = this;
    this.lost();
    socket.close();
  }

  lost() {
    clearInterval(this.watching);
    this.socket = null;
    const wait = this.backoff.next();
    this.onState("lost", Date.now() + wait);
    this.retry = setTimeout(() => this.open(), wait);
  }

  /** Begin anew, as with another key. */
  restart() {
    const { socket } = this;
    if (!this.subscription) return;
    clearTimeout(this.retry);
    this.socket = null;
    socket?.close();
    this.open();
  }

  hurry() {
    if (this.retry !== undefined) this.open();
  }
}
