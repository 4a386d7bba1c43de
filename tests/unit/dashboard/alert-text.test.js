import assert from "node:assert/strict";
import { test } from "node:test";

import { facts, when, whoSaw } from "../../../services/gateway/dashboard/alert-text.js";

const clock = { time: (instant) => instant.slice(11, 16) };
const ALERT = {
  severity: "medium", worst_severity: "medium",
  status: "raised", timestamp: "2012-05-03T16:20:00Z", cleared_at: null, expected_at: null, location: "I-110 N at Stadium Way",
  estimated_duration: 44.8, estimated_duration_lower: 15, estimated_duration_upper: 90, confidence_score: 0.82,
  recurrent: false, delay_vehicle_hours: 41.5, actions: [],
};

test("an alert says since when, and how long it will last where that is known", () => {
  assert.equal(when(ALERT, clock), "since 16:20, about 45 min");
  assert.equal(when({ ...ALERT, estimated_duration: null }, clock), "since 16:20");
});

test("expected congestion says for when, a cleared alert when it was cleared", () => {
  assert.equal(when({ ...ALERT, expected_at: "2012-05-03T16:50:00Z", estimated_duration: null }, clock), "at 16:50");
  const over = { ...ALERT, status: "cleared", cleared_at: "2012-05-03T17:05:00Z", expected_at: "2012-05-03T16:50:00Z" };
  assert.equal(when(over, clock), "cleared 17:05");
});

test("facts are those that are known", () => {
  assert.deepEqual(facts(ALERT), [
    "I-110 N at Stadium Way", "confidence 82 %", "90 % interval 15 min to 90 min", "unusual at this time", "42 vehicle-hours of delay",
  ]);
  const little = { ...ALERT, recurrent: null, delay_vehicle_hours: null, estimated_duration_upper: null };
  assert.deepEqual(facts(little), ["I-110 N at Stadium Way", "confidence 82 %"]);
  assert.ok(!facts({ ...ALERT, status: "cleared" }).some((fact) => fact.startsWith("90 %")), "no interval once it is over");
});

test("an alert that was worse says so", () => {
  assert.ok(facts({ ...ALERT, worst_severity: "critical" }).includes("critical at its worst"));
});

test("both ends of an interval have their unit", () => {
  assert.ok(facts({ ...ALERT, estimated_duration_upper: 840 }).includes("90 % interval 15 min to 14 h"));
});

test("an operator who acknowledged twice is named once", () => {
  const actions = ["Dana", "Kim", "Dana"].map((operator) => ({ kind: "acknowledge", operator }));
  assert.equal(whoSaw({ actions: [...actions, { kind: "comment", operator: "Lee" }] }), "Dana, Kim");
});
