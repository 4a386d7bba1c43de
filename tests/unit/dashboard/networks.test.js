import assert from "node:assert/strict";
import { test } from "node:test";

import { waitForNetworks } from "../../../services/gateway/dashboard/networks.js";

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
