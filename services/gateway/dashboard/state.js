/** What the page knows, and what it derives from that. */

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
      // Rows of the previous subscription may still arrive.
      if (channel === "predictions" && !this.#asked(row)) continue;
      if (channel === "alerts") this.takeAlert(row);
      else keep.set(keyOf(row), row);
    }
    if (timestamp && (!this.eventTime || timestamp > this.eventTime)) this.eventTime = timestamp;
    return true;
  }

  /** Take one alert in, unless a later state of it is known. */
  takeAlert(alert) {
    const known = this.alerts.get(alert.alert_id);
    if (!known || alert.revision >= known.revision) this.alerts.set(alert.alert_id, alert);
  }

  takeSensors(sensors) {
    for (const sensor of sensors) {
      const key = keyOf(sensor);
      const known = this.sensors.get(key);
      if (!known || (sensor.timestamp ?? "") >= (known.timestamp ?? "")) this.sensors.set(key, sensor);
    }
  }

  /** Every sensor of the chosen network with its forecast: [{sensor, forecast}]. */
  rows() {
    return [...this.sensors]
      .filter(([, sensor]) => this.#here(sensor))
      .map(([key, sensor]) => ({ sensor, forecast: this.predictions.get(key) ?? null }));
  }

  /** Alerts of the chosen network: active ones first, newest first, then the last cleared. */
  alertList(cleared = 5) {
    const here = [...this.alerts.values()].filter((alert) => this.#here(alert));
    const newest = (a, b) => (a.timestamp < b.timestamp ? 1 : -1);
    const over = here.filter((alert) => alert.status === "cleared").sort((a, b) => (a.updated_at < b.updated_at ? 1 : -1));
    return [...here.filter((alert) => alert.status !== "cleared").sort(newest), ...over.slice(0, cleared)];
  }

  #asked(row) {
    return row.horizon_minutes === this.horizon && (this.model ? row.model_name === this.model : row.serving);
  }

  #here(row) {
    return row.network_id === this.network?.network_id;
  }
}

/** A sensor has one forecast: the served one, or that of the chosen model. */
function keyOf(row) {
  return `${row.network_id}\n${row.sensor_id}`;
}
