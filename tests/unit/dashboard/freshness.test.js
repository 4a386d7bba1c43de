import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Freshness, describeFreshness, isCurrent } from "../../../services/gateway/dashboard/freshness.js";

const NETWORK = "toy";
const STAGES = ["broker", "readings", "windows", "forecasts", "alerts", "push", "archive"];
const time = (ms) => new Date(ms).toISOString().slice(11, 19);
let freshness;

beforeEach(() => {
  freshness = new Freshness(0);
});

/** A heartbeat in which every stage is `ageS` old, but for those in `ages`; limits are 10 s. */
function beat({ ages = {}, ageS = 1, state, network = NETWORK } = {}) {
  const stages = STAGES.map((stage) => {
    const age = stage in ages ? ages[stage] : ageS;
    return { stage, state: age === null ? "waiting" : age > 10 ? "stale" : "fresh", age_s: age, limit_s: 10 };
  });
  const stale = stages.filter((each) => each.state === "stale").map((each) => each.stage);
  const told = state ?? (stale.length ? "stale" : "fresh");
  return { type: "heartbeat", interval_s: 3, timestamp: null, data: [{ network_id: network, state: told, stale, since: null, stages }] };
}

test("nothing is live before the gateway says so", () => {
  assert.equal(freshness.judge(NETWORK, 60000).state, "waiting");
  freshness.hear({ type: "predictions_snapshot", data: [] }, 0);
  assert.equal(freshness.judge(NETWORK, 1000).state, "waiting");
  freshness.hear(beat({ network: "another" }), 0);
  assert.equal(freshness.judge(NETWORK, 1000).state, "waiting");
  freshness.hear(beat({ state: "waiting", ages: { windows: null } }), 0);
  assert.equal(freshness.judge(NETWORK, 1000).state, "waiting");
  freshness.hear(beat(), 0);
  assert.equal(freshness.judge(NETWORK, 1000).state, "live");
});

test("the first stage that is stale is named, since its last arrival", () => {
  freshness.hear(beat({ ages: { forecasts: 34, alerts: 20 } }), 1000);
  const judged = freshness.judge(NETWORK, 2000);
  assert.deepEqual(judged, { state: "stale", stage: "forecasts", agoMs: 35000, stages: ["forecasts", "alerts"] });
  assert.equal(describeFreshness(judged, Date.UTC(2026, 10, 30, 12, 0, 35), time), "Stale since 12:00:00 (forecasts)");
});

test("forecasts that are far behind say by how many windows", () => {
  const message = beat({ ages: { forecasts: 34 } });
  message.data[0].stages.find(({ stage }) => stage === "forecasts").behind_windows = 37;
  freshness.hear(message, 1000);
  const words = describeFreshness(freshness.judge(NETWORK, 1000), Date.UTC(2026, 10, 30, 12, 0, 34), time);
  assert.equal(words, "Stale since 12:00:00, 37 windows behind (forecasts)");
});

test("ages grow between heartbeats", () => {
  freshness.hear(beat({ ages: { windows: 8 } }), 0);
  assert.equal(freshness.judge(NETWORK, 1900).state, "live");
  assert.equal(freshness.judge(NETWORK, 2100).stage, "windows");
});

test("three heartbeats missed are a gateway that is not there, whatever it said last", () => {
  freshness.hear(beat(), 1000);
  assert.equal(freshness.silent(9900), false);
  assert.equal(freshness.silent(10100), true);
  const judged = freshness.judge(NETWORK, 13000);
  assert.equal(describeFreshness(judged, 13000, (ms) => `${ms} ms`), "Stale since 1000 ms (gateway)");
  freshness.hear({ type: "alerts_update", data: [] }, 14000);
  assert.notEqual(freshness.judge(NETWORK, 14000).stage, "gateway");
});

test("the interval is the gateway's own", () => {
  freshness.hear({ ...beat(), interval_s: 20 }, 0);
  assert.equal(freshness.silent(59000), false);
  assert.equal(freshness.silent(61000), true);
});

test("it is noticed within 15 s at the interval and the least age that the gateway has by default", () => {
  freshness.hear(beat({ ageS: 0 }), 0);
  freshness.hear(beat({ ageS: 3 }), 3000);
  assert.equal(freshness.judge(NETWORK, 10100).state, "stale");
});

test("what comes back is live again", () => {
  freshness.hear(beat({ ageS: 60 }), 0);
  assert.equal(freshness.judge(NETWORK, 0).stage, "broker");
  freshness.hear(beat(), 1000);
  assert.equal(describeFreshness(freshness.judge(NETWORK, 1000), 0, time), "Live");
});

test("measured speeds are current without forecasts, forecasts are not", () => {
  freshness.hear(beat({ ages: { forecasts: 30, alerts: 30 } }), 0);
  const judged = freshness.judge(NETWORK, 0);
  assert.equal(isCurrent(judged, "now"), true);
  assert.equal(isCurrent(judged, "forecast"), false);
  for (const stage of ["broker", "readings", "windows", "push"]) {
    freshness.hear(beat({ ages: { [stage]: 30 } }), 0);
    assert.equal(isCurrent(freshness.judge(NETWORK, 0), "now"), false, stage);
  }
  assert.equal(isCurrent(freshness.judge(NETWORK, 60000), "now"), false);
  assert.equal(isCurrent(new Freshness(0).judge(NETWORK, 0), "now"), false);
});

test("a network that nobody feeds has no data yet, since the gateway looked", () => {
  const message = beat({ ages: { readings: 601, windows: null, forecasts: null, alerts: null, push: null } });
  const [row] = message.data;
  row.stages = row.stages.map((stage) => ({ ...stage, arrived_at: stage.stage === "broker" ? "2026-11-30T12:00:00Z" : null }));
  freshness.hear(message, 0);
  const judged = freshness.judge(NETWORK, 1000);
  assert.equal(describeFreshness(judged, Date.UTC(2026, 10, 30, 12, 10, 2), time), "No data yet, since 12:00:00");
  assert.equal(isCurrent(judged, "now"), false);
});
