/** Puts the page together: REST for sensors and networks, the WebSocket for what changes. */

import { Access } from "./access.js";
import { AlertPanel } from "./alerts.js";
import { basisLabel, describe, drawDetail, fetchDetail } from "./detail.js";
import { make } from "./elements.js";
import { Freshness, describeFreshness, isCurrent } from "./freshness.js";
import { SLOW_MPH, clockIn, mph, words } from "./format.js";
import { SensorMap } from "./map.js";
import { ModelPanel } from "./models.js";
import { horizonsOf, nearestHorizon, waitForNetworks } from "./networks.js";
import { reporting } from "./rows.js";
import { State } from "./state.js";
import { Stream } from "./stream.js";
import { SensorTable } from "./table.js";

const CHANNELS = ["predictions", "alerts", "sensors"];

const $ = (id) => document.getElementById(id);
const state = new State();
let clock = clockIn("UTC");
let connection = { state: "connecting" };
let detailShown = "";
let drawing = false;
let readAgain = () => {};

const map = new SensorMap($("map"), { onPick: pick, onHover: hover });
const table = new SensorTable(
  { columns: $("columns"), body: $("rows"), count: $("count"), empty: $("no-rows"), filter: $("filter"), onlySlow: $("only-slow") },
  pick,
);
const access = new Access(
  { form: $("access"), key: $("read-key"), note: $("access-note"), forget: $("access-forget") },
  () => {
    stream.restart();
    models.load();
    readAgain();
  },
);
const get = (url) => access.get(url);
const models = new ModelPanel(
  { panel: $("models"), head: $("model-columns"), body: $("model-rows"), note: $("model-note") }, chooseModel, showModels, get,
);
const panel = new AlertPanel(
  {
    list: $("alerts"), none: $("no-alerts"), operate: $("operate"), form: $("operator"),
    name: $("operator-name"), token: $("write-token"), stop: $("operate-stop"),
  },
  pick,
  (alert) => {
    state.takeAlert(alert);
    schedule();
  },
);
const freshness = new Freshness(performance.now());
const judged = () => freshness.judge(state.network?.network_id, performance.now());
const stream = new Stream(
  (message) => {
    freshness.hear(message, performance.now());
    if (message.type === "heartbeat") showConnection();
    else if (state.take(message)) schedule();
  },
  (name, retryAt) => {
    connection = { state: name, retryAt };
    if (name === "open") loadSensors();
    showConnection();
    schedule();
  },
  () => freshness.silent(performance.now()),
  () => access.key,
  () => access.deny(),
);

/** Draw once per frame, however many messages came. */
function schedule() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    draw();
  });
}

function draw() {
  const rows = state.rows(), alerts = state.alertList();
  const forecast = state.shown === "forecast";
  const speedOf = (row) => (forecast ? row.forecast?.predicted_speed ?? null : row.sensor.current_speed);
  map.paint(new Map(rows.map((row) => [row.sensor.sensor_id, speedOf(row)])), alerts, state.selected);
  table.show(rows, clock, state.selected);
  showTiles(rows, speedOf, alerts);
  panel.show(alerts, clock);
  $("event-time").textContent = clock.full(state.eventTime);
  $("event-time").dateTime = state.eventTime ?? "";
  showEmpty(rows);
  showDetail();
}

function showTiles(rows, speedOf, alerts) {
  const speeds = rows.map(speedOf), believed = rows.filter(({ sensor }) => !sensor.doubt).map(speedOf);
  const current = isCurrent(judged(), state.shown);
  const count = current ? reporting(rows, speedOf, state.shown, state.network.window_minutes) : 0;
  const known = believed.filter((speed) => speed !== null && speed !== undefined);
  const average = known.length ? known.reduce((sum, speed) => sum + speed, 0) / known.length : null;
  $("tile-reporting").replaceChildren(String(count), make("small", {}, ` / ${speeds.length}`));
  $("tile-speed").replaceChildren(mph(average), make("small", {}, " mph"));
  $("tile-slow").textContent = known.filter((speed) => speed < SLOW_MPH).length;
  $("tile-alerts").textContent = alerts.filter((alert) => alert.status !== "cleared").length;
}

/** Offer the models that forecast; "" means whichever is served. */
function showModels() {
  const names = models.names();
  if (state.model && !names.includes(state.model)) names.push(state.model);
  for (const [choice, id] of [["model-choice", "model"], ["detail-model-choice", "detail-model"]]) {
    $(choice).hidden = names.length < 2 && !state.model;
    const present = [...$(id).options].map((option) => option.value);
    if (["", ...names].join("\n") !== present.join("\n")) {
      $(id).replaceChildren(...["", ...names].map((name) => make("option", { value: name }, name ? words(name) : "served")));
    }
    $(id).value = state.model;
  }
}

function chooseModel(name) {
  state.model = name;
  models.choose(name);
  showModels();
  follow();
}

/** Subscribe to what the page shows now; the answer begins with a snapshot. */
function follow() {
  state.predictions.clear();
  stream.subscribe({ channels: CHANNELS, horizon_minutes: state.horizon, ...(state.model && { model: state.model }) });
  schedule();
}

function showEmpty(rows) {
  const waiting = !state.eventTime || rows.every(({ sensor }) => sensor.timestamp === null);
  $("empty").hidden = !waiting;
  if (!$("access").hidden) {
    $("empty-title").textContent = "A key is needed";
    $("empty-detail").textContent = "Enter it above to see the map.";
    return;
  }
  $("empty-title").textContent = connection.state === "open" ? "Waiting for the first window" : "Waiting for the gateway";
  $("empty-detail").textContent = connection.state === "open"
    ? "The gateway is connected. Speeds appear once a feed sends readings and the first window closes."
    : "The page connects as soon as the gateway answers.";
}

function showConnection() {
  const seconds = Math.max(0, Math.ceil(((connection.retryAt ?? 0) - Date.now()) / 1000));
  const age = judged();
  const links = { connecting: "Connecting", lost: seconds ? `Reconnecting in ${seconds} s` : "Connecting" };
  const told = connection.state === "open" || age.state === "stale";
  const label = told ? describeFreshness(age, Date.now(), clock.seconds) : links[connection.state];
  const shown = told ? age.state : connection.state;
  const pill = $("connection");
  if (pill.dataset.state !== shown) schedule();
  pill.dataset.state = document.body.dataset.age = shown;
  if (pill.textContent !== label) pill.textContent = label;
}

async function showDetail() {
  const entry = state.rows().find((row) => row.sensor.sensor_id === state.selected);
  $("detail").hidden = !entry;
  const wanted = entry ? [state.selected, entry.sensor.timestamp, entry.forecast?.timestamp, state.model, state.horizon, clock.zone].join() : "";
  if (wanted === detailShown) return;
  detailShown = wanted;
  if (!entry) return;
  const { sensor } = entry, horizon = state.horizon;
  $("detail-title").textContent = `${sensor.road_name}, ${sensor.name}`;
  try {
    const detail = await fetchDetail(get, sensor, state.model, horizon);
    if (wanted !== detailShown) return;
    describe($("detail-line"), sensor, detail, horizon);
    drawDetail($("chart"), detail, clock);
  } catch {
    detailShown = ""; // the gateway did not answer; the next update tries again
  }
}

function pick(sensorId) {
  state.selected = sensorId === state.selected ? null : sensorId;
  schedule();
}

function hover(sensorId, point) {
  const row = sensorId && state.rows().find((each) => each.sensor.sensor_id === sensorId);
  $("tip").hidden = !row;
  if (!row) return;
  const { sensor, forecast } = row;
  $("tip").replaceChildren(
    make("b", {}, `${sensor.road_name}, ${sensor.name}`),
    `now ${mph(sensor.current_speed)} mph`,
    forecast ? `, in ${forecast.horizon_minutes} min ${mph(forecast.predicted_speed)} mph ` : "",
    basisLabel(forecast?.basis),
    make("div", { class: "muted" }, `${sensor.sensor_id} at ${clock.time(sensor.timestamp)}`),
  );
  const room = $("map").clientWidth - 270;
  $("tip").style.left = `${Math.min(point[0] + 14, Math.max(8, room))}px`;
  $("tip").style.top = `${Math.max(8, point[1] - 20)}px`;
}

async function loadSensors() {
  const answer = await get("/api/sensors");
  if (!answer.ok) return;
  state.takeSensors(await answer.json());
  map.place(state.rows().map(({ sensor }) => sensor));
  schedule();
}

function chooseNetwork(id) {
  state.network = state.networks.find((network) => network.network_id === id) ?? state.networks[0];
  clock = clockIn(state.network.time_zone);
  $("network-name").textContent = state.network.name;
  $("zone").textContent = state.network.time_zone;
  state.selected = null;
  showHorizons();
  models.follow(state.network);
  map.showAll();
  map.place(state.rows().map(({ sensor }) => sensor));
  schedule();
}

/** Forecasts reach twelve windows ahead, whatever their length: another network may have other horizons. */
function showHorizons() {
  const horizons = horizonsOf(state.network), before = state.horizon;
  state.horizon = nearestHorizon(horizons, before);
  $("horizon").replaceChildren(...horizons.map((minutes) => make("option", { value: minutes, selected: minutes === state.horizon }, `${minutes} min`)));
  if (state.horizon !== before) follow();
}

/** Pauses end when somebody gives a key. */
function pauseOrKey(duration) {
  return new Promise((resolve) => {
    readAgain = resolve;
    setTimeout(resolve, duration);
  });
}

function chooseTheme(name) {
  document.documentElement.dataset.theme = name;
  $("theme").textContent = name === "dark" ? "☀" : "☾";
}

function listen() {
  $("horizon").addEventListener("change", ({ target }) => {
    state.horizon = Number(target.value);
    follow();
  });
  for (const id of ["model", "detail-model"]) $(id).addEventListener("change", ({ target }) => chooseModel(target.value));
  $("network").addEventListener("change", ({ target }) => chooseNetwork(target.value));
  for (const radio of document.getElementsByName("shown")) {
    radio.addEventListener("change", () => {
      state.shown = radio.value;
      schedule();
    });
  }
  for (const button of document.querySelectorAll("[data-zoom]")) {
    const act = { in: () => map.zoom(1.6), out: () => map.zoom(1 / 1.6), all: () => map.showAll() }[button.dataset.zoom];
    button.addEventListener("click", act);
  }
  $("detail-close").addEventListener("click", () => pick(null));
  $("theme").addEventListener("click", () => {
    const name = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    localStorage.setItem("theme", name);
    chooseTheme(name);
  });
  setInterval(showConnection, 500);
}

async function start() {
  const preferred = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  chooseTheme(localStorage.getItem("theme") ?? preferred);
  listen();
  schedule();
  state.networks = await waitForNetworks(() => get("/api/networks"), pauseOrKey);
  $("network").append(...state.networks.map((network) => make("option", { value: network.network_id }, network.name)));
  $("network-choice").hidden = state.networks.length < 2;
  $("network-name").hidden = state.networks.length > 1;
  chooseNetwork(state.networks[0].network_id);
  follow();
}

start();
