import assert from "node:assert/strict";
import { test } from "node:test";

import { horizonsOf, nearestHorizon, threeOf, waitForNetworks } from "../../../services/gateway/dashboard/networks.js";

const NETWORKS = [{ network_id: "toy" }];
const answer = (body, ok = true) => ({ ok, json: () => Promise.resolve(body) });

test("it asks again after a pause, whatever went wrong", async () => {
  const problem = { status: 503, detail: "The store does not answer." };
  const answers = [
    () => Promise.reject(new TypeError("fetch failed")),
    () => answer(problem, false),
    () => answer([]),
    () => answer(NETWORKS),
  ];
  const pauses = [];
  const found = await waitForNetworks(() => answers.shift()(), (duration) => pauses.push(duration));
  assert.deepEqual(found, NETWORKS);
  assert.deepEqual(pauses, [3000, 3000, 3000]);
});

test("models are compared at three horizons that the network has", () => {
  for (const [minutes, shown] of [[1, [3, 6, 12]], [5, [15, 30, 60]], [15, [45, 90, 180]], [60, [180, 360, 720]]]) {
    assert.deepEqual(threeOf(horizonsOf({ window_minutes: minutes })), shown);
  }
});

test("horizons follow the length of a network's windows, and the nearest to 15 minutes is shown first", () => {
  assert.deepEqual(horizonsOf({ window_minutes: 5 }), [5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60]);
  for (const [minutes, shown] of [[1, 12], [2, 14], [5, 15], [10, 10], [15, 15], [20, 20], [60, 60]]) {
    assert.equal(nearestHorizon(horizonsOf({ window_minutes: minutes })), shown);
  }
});
