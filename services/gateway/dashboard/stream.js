/** The WebSocket: connects, reconnects after growing pauses, and reports its state. */

import { Backoff } from "./backoff.js";

const PING_MS = 20000;

export class Stream {
  /**
   * @param {(message: object) => void} onMessage called with every message of the server
   * @param {(state: "connecting" | "open" | "lost", retryAt?: number) => void} onState called on every change
   */
  constructor(onMessage, onState) {
    this.onMessage = onMessage;
    this.onState = onState;
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
    const asked = this.subscription;
    socket.addEventListener("open", () => {
      this.backoff.reset();
      this.onState("open");
      if (asked !== this.subscription) socket.send(JSON.stringify(this.subscription));
      this.pinging = setInterval(() => socket.send('{"type":"ping"}'), PING_MS);
    });
    socket.addEventListener("message", (event) => this.onMessage(JSON.parse(event.data)));
    socket.addEventListener("close", () => this.lost());
  }

  lost() {
    clearInterval(this.pinging);
    const wait = this.backoff.next();
    this.onState("lost", Date.now() + wait);
    this.retry = setTimeout(() => this.open(), wait);
  }

  hurry() {
    if (this.retry !== undefined) this.open();
  }
}
