import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff } from "../../../services/gateway/dashboard/backoff.js";

const middle = () => 0.5;

test("pauses double up to half a minute", () => {
  const backoff = new Backoff();
  const pauses = Array.from({ length: 7 }, () => backoff.next(middle));
  assert.deepEqual(pauses, [1000, 2000, 4000, 8000, 16000, 30000, 30000]);
});

test("a connection that opened starts with short pauses again", () => {
  const backoff = new Backoff();
  backoff.next(middle);
  backoff.next(middle);
  backoff.reset();
  assert.equal(backoff.next(middle), 1000);
});

test("a pause varies by a quarter either way", () => {
  assert.equal(new Backoff().next(() => 0), 750);
  assert.equal(new Backoff().next(() => 1), 1250);
  const drawn = new Backoff().next();
  assert.ok(drawn >= 750 && drawn < 1250);
});
