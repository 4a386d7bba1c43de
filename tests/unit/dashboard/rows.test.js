import assert from "node:assert/strict";
import { test } from "node:test";

import { change, filtered, reporting, sorted } from "../../../services/gateway/dashboard/rows.js";

const row = (id, speed, { predicted = null, from = speed, road = "I-405 N", name = "Wilshire" } = {}) => ({
  sensor: { sensor_id: id, road_name: road, name, current_speed: speed },
  forecast: predicted === null ? null : { predicted_speed: predicted, current_speed: from },
});
const ids = (rows) => rows.map(({ sensor }) => sensor.sensor_id);
const measured = ({ sensor }) => sensor.current_speed;

test("missing values come last, whichever way the rest is sorted", () => {
  const rows = [row("a", null), row("b", 60), row("c", 20), row("d", null)];
  assert.deepEqual(ids(sorted(rows, measured, false)), ["c", "b", "a", "d"]);
  assert.deepEqual(ids(sorted(rows, measured, true)), ["b", "c", "a", "d"]);
  assert.deepEqual(ids(rows), ["a", "b", "c", "d"], "the rows themselves keep their order");
});

test("numbers within names are sorted as numbers, equals by sensor", () => {
  const rows = [row("s2", 1, { road: "I-10 E" }), row("s1", 1, { road: "I-10 E" }), row("s3", 1, { road: "I-5 N" })];
  assert.deepEqual(ids(sorted(rows, ({ sensor }) => sensor.road_name, false)), ["s3", "s1", "s2"]);
});

test("every word must be found, in whatever order and case", () => {
  const rows = [row("405N-04", 60), row("110N-01", 60, { road: "I-110 N", name: "Stadium Way" })];
  assert.deepEqual(ids(filtered(rows, " way  STADIUM ", false)), ["110N-01"]);
  assert.deepEqual(ids(filtered(rows, "405n wilshire", false)), ["405N-04"]);
  assert.deepEqual(ids(filtered(rows, "stadium wilshire", false)), []);
  assert.deepEqual(ids(filtered(rows, "  ", false)), ["405N-04", "110N-01"]);
});

test("slow is below 40 mph, now or as forecast", () => {
  const rows = [row("now", 39.9), row("not", 40, { predicted: 40 }), row("soon", 60, { predicted: 30 }), row("unknown", null)];
  assert.deepEqual(ids(filtered(rows, "", true)), ["now", "soon"]);
});

test("a change is from the speed at the time of the forecast", () => {
  assert.equal(change(row("a", 60, { predicted: 50, from: 58 })), -8);
  assert.equal(change(row("a", 60, { predicted: 50, from: null })), null);
  assert.equal(change(row("a", 60)), null);
});

test("a sensor reports while its newest window is not older than the one before the network's newest", () => {
  const at = (minute, speed) => ({ sensor: { timestamp: minute === null ? null : `2012-05-03T02:${minute}:00Z`, current_speed: speed }, forecast: null });
  const rows = [at("30", 60), at("25", 50), at("20", 40), at("30", null), at(null, null)];
  assert.equal(reporting(rows, ({ sensor }) => sensor.current_speed, "now", 5), 2);
  assert.equal(reporting(rows, ({ sensor }) => sensor.current_speed, "now", 15), 3);
  assert.equal(reporting(rows, () => null, "forecast", 5), 0);
  assert.equal(reporting([], () => 60, "now", 5), 0);
  const fast = { sensor: { ...at("55", 60).sensor, doubt: { reason: "clock_off" } }, forecast: null };
  assert.equal(reporting([...rows, fast], ({ sensor }) => sensor.current_speed, "now", 5), 2, "a clock that is off says nothing of now");
});
