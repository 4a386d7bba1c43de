import assert from "node:assert/strict";
import { test } from "node:test";

import { SLOW_MPH, band, clockIn, describeMeasure, lasting, mph, percent, signed, words } from "../../../services/gateway/dashboard/format.js";

test("a speed has the colour of its band, from the lower bound on", () => {
  const bands = [0, 19.99, 20, 34.99, 35, 49.99, 50, 59.99, 60, 120].map(band);
  assert.deepEqual(bands, ["0", "0", "1", "1", "2", "2", "3", "3", "4", "4"]);
});

test("a speed that was not observed has no band and no figure", () => {
  for (const missing of [null, undefined]) {
    assert.equal(band(missing), "none");
    assert.equal(mph(missing), "–");
    assert.equal(percent(missing), "–");
  }
  assert.equal(mph(0), "0.0");
  assert.equal(percent(0), "0 %");
});

test("speeds have one digit, shares are whole percents", () => {
  assert.equal(mph(61.72), "61.7");
  assert.equal(percent(0.826), "83 %");
  assert.equal(SLOW_MPH, 40);
});

test("durations grow from minutes to hours to days", () => {
  assert.deepEqual([0, 44.6, 119, 120, 2879, 2880, 8640].map(lasting), ["0 min", "45 min", "119 min", "2 h", "48 h", "2 days", "6 days"]);
});

test("a measure says its name, and its values their unit", () => {
  const written = (measure, value) => {
    const { what, amount } = describeMeasure(measure);
    return `${what}: ${amount(value)}`;
  };
  assert.equal(written("speed_drop_mph", 38), "speed drop: 38 mph");
  assert.equal(written("delay_vehicle_hours", 41.53), "delay: 41.5 vehicle-hours");
  assert.equal(written("queue_length_miles", 1.2345), "queue length: 1.23 mi");
  assert.equal(written("probability", 0.62), "probability: 62 %");
  assert.equal(written("share_observed", 0.5), "share observed: 50 %");
  assert.equal(written("severity_rank", 3), "severity rank: 3");
});

test("a difference has a sign, what rounds to zero has none", () => {
  assert.deepEqual([0.04, -0.04, -0].map((value) => signed(value)), ["0.0", "0.0", "0.0"]);
  assert.deepEqual([1.25, -0.5, 0].map((value) => signed(value)), ["+1.3", "−0.5", "0.0"]);
  assert.equal(signed(-0.061, 2), "−0.06");
});

test("times are those of the network, through the change of the clocks", () => {
  const clock = clockIn("America/Los_Angeles");
  assert.equal(clock.time("2012-03-11T09:55:00Z"), "01:55");
  assert.equal(clock.time("2012-03-11T10:00:00Z"), "03:00");
  assert.match(clock.full("2012-05-03T02:25:00Z"), /^Wed, May 2, 2012, 19:25 PDT$/);
  assert.equal(clockIn("UTC").time("2012-05-03T00:00:00Z"), "00:00");
  assert.equal(clock.time(null), "–");
  assert.equal(clock.full(null), "–");
});

test("names are read without underscores", () => {
  assert.equal(words("random_forest_x"), "random forest x");
});
