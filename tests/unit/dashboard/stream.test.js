/** The connection to a gateway that hangs: a server that shakes hands and then says nothing, nor closes anything. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const WATCH_MS = 1000;

// Node has this one built in from version 22 on; before, behind a flag.
const skip = typeof WebSocket === "undefined" && "this Node has no WebSocket";
const sockets = [];
let server, clockMs = 0;

before(async () => {
  server = createServer();
  server.on("upgrade", (request, socket) => {
    sockets.push(socket);
    const accept = createHash("sha1").update(request.headers["sec-websocket-key"] + GUID).digest("base64");
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  });
  await new Promise((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  globalThis.window = new EventTarget();
  globalThis.document = new EventTarget();
  globalThis.location = new URL(`http://127.0.0.1:${server.address().port}/`);
  performance.now = () => clockMs;
});

after(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

test("a connection on which nothing is heard is left, and another is opened", { skip, timeout: 20000 }, async (t) => {
  const { Stream } = await import("../../../services/gateway/dashboard/stream.js");
  const states = [], silent = { now: false };
  const reached = (name, count) => new Promise((resolve) => {
    const timer = setInterval(() => {
      if (states.filter((each) => each === name).length < count) return;
      clearInterval(timer);
      resolve();
    }, 10);
  });
  const stream = new Stream(() => {}, (name) => states.push(name), () => silent.now);
  t.after(() => {
    stream.open = () => {}; // once the server is gone it would try for ever
    clearInterval(stream.watching);
    clearTimeout(stream.retry);
  });
  stream.subscribe({ channels: ["alerts"], horizon_minutes: 15 });
  await reached("open", 1);
  clockMs += 60000;
  await new Promise((resolve) => { setTimeout(resolve, 1.5 * WATCH_MS); });
  assert.deepEqual(states, ["connecting", "open"]); // quiet, but heard
  silent.now = true;
  await reached("lost", 1);
  await reached("open", 2);
  assert.equal(sockets.length, 2);
});
