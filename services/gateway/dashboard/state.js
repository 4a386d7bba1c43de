/** What the page knows, and what follows from it. */

export class State {
  constructor() {
    this.networks = [];
    this.network = null;
    this.sensors = new Map();
    this.predictions = new Map();
    this.alerts = new Map();
    this.eventTime = null;
    this.horizon = 15;
    this.model = "";
    this.shown = "now";
    this.selected = null;
  }

  /** Take one message of the WebSocket in; returns whether anything changed. */
  take({ type, data, timestamp }) {
    if (!Array.isArray(data)) return false;
    const [channel, kind] = type.split("_");
    const keep = { predictions: this.predictions, alerts: this.alerts, sensors: this.sensors }[channel];
    if (!keep) return false;
    if (kind === "snapshot" && channel !== "sensors") keep.clear();
    for (const row of data) {
      if (channel === "predictions" && row.horizon_minutes !== this.horizon) continue;
      keep.set(keyOf(channel, row), row);
    }
    if (timestamp && (!this.eventTime || timestamp > this.eventTime)) this.eventTime = timestamp;
    return true;
  }

  takeSensors(sensors) {
    for (const sensor of sensors) {
      const key = keyOf("sensors", sensor);
      const known = this.sensors.get(key);
      if (!known || (sensor.timestamp ?? "") >= (known.timestamp ?? "")) this.sensors.set(key, sensor);
    }
  }

  /** The models that predict in the chosen network, in name order. */
  models() {
    return [...new Set([...this.predictions.values()].filter((row) => this.#here(row)).map((row) => row.model_name))].sort();
  }

  /** Every sensor of the chosen network with its forecast: [{sensor, forecast}]. */
  rows() {
    const best = new Map();
    for (const row of this.predictions.values()) {
      if (!this.#here(row) || (this.model && row.model_name !== this.model)) continue;
      const rival = best.get(row.sensor_id);
      if (!rival || isBetter(row, rival)) best.set(row.sensor_id, row);
    }
    return [...this.sensors.values()]
      .filter((sensor) => this.#here(sensor))
      .map((sensor) => ({ sensor, forecast: best.get(sensor.sensor_id) ?? null }));
  }

  /** Alerts of the chosen network: those that stand first, then the last cleared, newest first. */
  alertList(cleared = 5) {
    const here = [...this.alerts.values()].filter((alert) => this.#here(alert));
    const newest = (a, b) => (a.timestamp < b.timestamp ? 1 : -1);
    const over = here.filter((alert) => alert.status === "cleared").sort((a, b) => (a.updated_at < b.updated_at ? 1 : -1));
    return [...here.filter((alert) => alert.status !== "cleared").sort(newest), ...over.slice(0, cleared)];
  }

  #here(row) {
    return row.network_id === this.network?.network_id;
  }
}

/** Of two models' forecasts the newer one, then the one more sure of itself. */
function isBetter(row, rival) {
  if (row.timestamp !== rival.timestamp) return row.timestamp > rival.timestamp;
  return row.confidence_score > rival.confidence_score;
}

function keyOf(channel, row) {
  if (channel === "alerts") return row.alert_id;
  const sensor = `${row.network_id}\n${row.sensor_id}`;
  return channel === "predictions" ? `${sensor}\n${row.model_name}` : sensor;
}
