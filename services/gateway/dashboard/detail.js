/** One sensor: its speeds in the last hours, the forecasts that were made for them, and the forecast of the next hour. */

import { make, makeSvg } from "./elements.js";
import { BASES, mph, percent, words } from "./format.js";
import { brokenPath } from "./roads.js";

const PAST_WINDOWS = 24;
const MOST_ROWS = 400;
const TOP_MPH = 80;
const EDGE = { left: 26, right: 8, top: 8, bottom: 18 };

/** Ask, by `get`, for the past and the forecasts of one sensor, by one model or, without one, those that are served. */
export async function fetchDetail(get, sensor, model, horizon) {
  const query = new URLSearchParams({ network_id: sensor.network_id, sensor_id: sensor.sensor_id });
  const ofModel = model ? `&model=${encodeURIComponent(model)}` : "";
  const [past, forecasts] = await Promise.all([
    listOf(get, `/api/history/aggregates?${query}&limit=${PAST_WINDOWS}`),
    listOf(get, `/api/predictions?${query}&horizon_minutes=all&limit=${MOST_ROWS}${ofModel}`),
  ]);
  const newest = forecasts[0]?.timestamp;
  const first = past.at(-1)?.window_end ?? newest;
  return {
    past: past.map((window) => [window.window_end, window.mean_speed]).reverse(),
    before: forecasts
      .filter((row) => row.horizon_minutes === horizon && row.target_timestamp >= first && row.target_timestamp <= newest)
      .map((row) => [row.target_timestamp, row.predicted_speed]).reverse(),
    future: forecasts.filter((row) => row.timestamp === newest),
  };
}

async function listOf(get, url) {
  const answer = await get(url);
  return answer.ok ? answer.json() : [];
}

/** The forecast at the horizon in words: its model, interval, confidence and basis. */
export function describe(line, sensor, { future, before }, horizon, clock) {
  const row = future.find((each) => each.horizon_minutes === horizon);
  if (!row) {
    line.replaceChildren(
      `${sensor.sensor_id}: ${mph(sensor.current_speed)} mph. This model has no forecast for this sensor. `,
      doubtLabel(sensor, clock),
    );
    return;
  }
  line.replaceChildren(
    `${sensor.sensor_id}: ${mph(sensor.current_speed)} mph, in ${row.horizon_minutes} min `,
    make("b", {}, `${mph(row.predicted_speed)} mph`),
    ` (90 %: ${row.lower_speed.toFixed(0)}–${row.upper_speed.toFixed(0)} mph; ${percent(row.confidence_score)} within 5 mph${chance(row.congestion_probability)}) `,
    `by ${words(row.model_name)} `,
    basisLabel(row.basis),
    doubtLabel(sensor, clock),
    before.length ? make("span", { class: "key" }, ` dotted: forecast ${horizon} min earlier`) : "",
  );
}

/** The chance of congestion in words; nothing where it is not known. */
function chance(probability) {
  return (probability ?? null) === null ? "" : `; ${percent(probability)} congested`;
}

/** A small label for the basis of a forecast; none where that is the sensor's own readings. */
export function basisLabel(basis) {
  return BASES[basis] ? make("span", { class: "basis", title: BASES[basis] }, basis) : "";
}

/** A small label for a sensor whose readings are not believed, with the reason and since when; none where they are. */
export function doubtLabel(sensor, clock) {
  if (!sensor.doubt) return "";
  const { reason, detail, since } = sensor.doubt;
  return make("span", { class: "basis", title: `Not believed: ${detail}, since ${clock.full(since)}` }, words(reason));
}

/** Draw speed over time: measured as a line, forecast dashed with its interval, earlier forecasts dotted. */
export function drawDetail(svg, { past, before, future }, clock) {
  svg.replaceChildren();
  const width = svg.clientWidth || 340, height = svg.clientHeight || 150;
  const times = [...past.map(([time]) => time), ...future.flatMap((row) => [row.timestamp, row.target_timestamp])]
    .map(Date.parse);
  if (!times.length) return;
  const [from, to] = [Math.min(...times), Math.max(...times)];
  const x = (time) => EDGE.left + ((Date.parse(time) - from) / (to - from || 1)) * (width - EDGE.left - EDGE.right);
  const y = (value) => height - EDGE.bottom - (Math.min(value, TOP_MPH) / TOP_MPH) * (height - EDGE.top - EDGE.bottom);
  for (const value of [0, 20, 40, 60, 80]) {
    svg.append(
      makeSvg("line", { class: "chart-grid", x1: EDGE.left, x2: width - EDGE.right, y1: y(value), y2: y(value) }),
      makeSvg("text", { class: "chart-label", x: EDGE.left - 5, y: y(value) + 3, "text-anchor": "end" }, String(value)),
    );
  }
  if (future.length) {
    const origin = future[0].timestamp, start = future[0].current_speed;
    const middle = future.map((row) => [row.target_timestamp, row.predicted_speed]);
    const upper = future.map((row) => [row.target_timestamp, row.upper_speed]);
    const lower = future.map((row) => [row.target_timestamp, row.lower_speed]).reverse();
    const anchor = start === null ? [] : [[origin, start]];
    svg.append(
      makeSvg("path", { class: "chart-band", d: `${brokenPath([...anchor, ...upper, ...lower], x, y)}Z` }),
      makeSvg("path", { class: "chart-future", d: brokenPath([...anchor, ...middle], x, y) }),
      makeSvg("line", { class: "chart-now", x1: x(origin), x2: x(origin), y1: EDGE.top, y2: height - EDGE.bottom }),
      makeSvg("text", { class: "chart-label", x: x(origin), y: height - 5, "text-anchor": "middle" }, clock.time(origin)),
    );
  }
  svg.append(
    makeSvg("path", { class: "chart-past", d: brokenPath(past, x, y) }),
    makeSvg("path", { class: "chart-before", d: brokenPath(before, x, y) }),
  );
  const ends = past.length ? [[from, "start"], [to, "end"]] : [[to, "end"]];
  for (const [time, anchor] of ends) {
    svg.append(makeSvg("text", {
      class: "chart-label", x: x(new Date(time).toISOString()), y: height - 5, "text-anchor": anchor,
    }, clock.time(time)));
  }
  const last = future.at(-1);
  svg.setAttribute("aria-label", last
    ? `Forecast: ${mph(last.predicted_speed)} mph at ${clock.time(last.target_timestamp)}`
    : "Speeds measured so far; no forecast yet");
}
