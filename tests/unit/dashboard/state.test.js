import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { State } from "../../../services/gateway/dashboard/state.js";

const NETWORK = "toy";
let state;

beforeEach(() => {
  state = new State();
  state.networks = [{ network_id: NETWORK }];
  [state.network] = state.networks;
});

const sensor = (id, timestamp, more = {}) => ({ network_id: NETWORK, sensor_id: id, timestamp, ...more });
const forecast = (id, more = {}) =>
  ({ network_id: NETWORK, sensor_id: id, horizon_minutes: 15, model_name: "ensemble", serving: true, ...more });
const alert = (id, more = {}) =>
  ({ network_id: NETWORK, alert_id: id, revision: 1, status: "raised", timestamp: "2012-05-03T02:00:00Z", updated_at: "2012-05-03T02:00:00Z", ...more });

test("rows join a sensor with its forecast, of the chosen network alone", () => {
  state.takeSensors([sensor("a", null), sensor("b", null), sensor("a", null, { network_id: "other" })]);
  state.take({ type: "predictions_snapshot", data: [forecast("a")], timestamp: null });
  assert.deepEqual(state.rows().map((row) => [row.sensor.sensor_id, row.forecast?.model_name ?? null]), [["a", "ensemble"], ["b", null]]);
});

test("a snapshot replaces forecasts and alerts, and only adds to sensors", () => {
  state.takeSensors([sensor("a", null)]);
  state.take({ type: "predictions_snapshot", data: [forecast("a"), forecast("b")], timestamp: null });
  state.take({ type: "predictions_snapshot", data: [forecast("b")], timestamp: null });
  state.take({ type: "alerts_snapshot", data: [alert("x")], timestamp: null });
  state.take({ type: "alerts_snapshot", data: [], timestamp: null });
  state.take({ type: "sensors_snapshot", data: [sensor("b", "2012-05-03T02:00:00Z")], timestamp: null });
  assert.equal(state.predictions.size, 1);
  assert.equal(state.alerts.size, 0);
  assert.equal(state.sensors.size, 2);
});

test("rows of the subscription before are dropped", () => {
  const rows = [forecast("a", { horizon_minutes: 30 }), forecast("b", { serving: false, model_name: "xgboost" }), forecast("c")];
  state.take({ type: "predictions_update", data: rows, timestamp: null });
  assert.deepEqual([...state.predictions.values()].map((row) => row.sensor_id), ["c"]);
  state.predictions.clear();
  state.model = "xgboost";
  state.take({ type: "predictions_update", data: rows, timestamp: null });
  assert.deepEqual([...state.predictions.values()].map((row) => row.sensor_id), ["b"]);
});

test("an earlier state of an alert or a sensor never replaces a later one", () => {
  state.takeAlert(alert("x", { revision: 3, severity: "high" }));
  state.takeAlert(alert("x", { revision: 2, severity: "low" }));
  assert.equal(state.alerts.get("x").severity, "high");
  state.takeSensors([sensor("a", "2012-05-03T02:05:00Z", { current_speed: 60 })]);
  state.takeSensors([sensor("a", "2012-05-03T02:00:00Z", { current_speed: 20 }), sensor("a", null)]);
  assert.equal(state.rows()[0].sensor.current_speed, 60);
});

test("event time only grows", () => {
  for (const timestamp of ["2012-05-03T02:05:00Z", "2012-05-03T02:00:00Z", null]) {
    state.take({ type: "sensors_update", data: [], timestamp });
  }
  assert.equal(state.eventTime, "2012-05-03T02:05:00Z");
});

test("active alerts come first, newest first, then the last cleared", () => {
  const at = (minute) => `2012-05-03T02:${minute}:00Z`;
  state.take({
    type: "alerts_snapshot", timestamp: null,
    data: [
      alert("old", { timestamp: at("01") }),
      alert("over-first", { status: "cleared", updated_at: at("30") }),
      alert("new", { timestamp: at("20"), status: "updated" }),
      alert("over-last", { status: "cleared", updated_at: at("40") }),
      alert("elsewhere", { network_id: "other" }),
    ],
  });
  assert.deepEqual(state.alertList().map((each) => each.alert_id), ["new", "old", "over-last", "over-first"]);
  assert.deepEqual(state.alertList(1).map((each) => each.alert_id), ["new", "old", "over-last"]);
});

test("messages of no channel change nothing", () => {
  assert.equal(state.take({ type: "pong" }), false);
  assert.equal(state.take({ type: "subscribed", data: [] }), false);
  assert.equal(state.take({ type: "error", detail: "no" }), false);
});
