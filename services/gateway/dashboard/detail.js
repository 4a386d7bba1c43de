/** One sensor: what it measured in the last hours, and what is forecast for the next. */

import { makeSvg, mph } from "./format.js";

const PAST_WINDOWS = 24;
const TOP_MPH = 80;
const EDGE = { left: 26, right: 8, top: 8, bottom: 18 };

/** Fetch the past and the forecast of one sensor; an empty past where the store has none yet. */
export async function fetchDetail(sensor, model) {
  const query = new URLSearchParams({ network_id: sensor.network_id, sensor_id: sensor.sensor_id });
  const models = model ? `&model=${encodeURIComponent(model)}` : "";
  const [past, future] = await Promise.all([
    fetchList(`/api/history/aggregates?${query}&limit=${PAST_WINDOWS}`),
    fetchList(`/api/predictions?${query}&horizon_minutes=all&limit=200${models}`),
  ]);
  const newest = future[0]?.timestamp;
  const chosen = model || best(future.filter((row) => row.timestamp === newest));
  return {
    past: past.map((window) => [window.window_end, window.mean_speed]).reverse(),
    future: future.filter((row) => row.timestamp === newest && row.model_name === chosen),
  };
}

async function fetchList(url) {
  const answer = await fetch(url);
  return answer.ok ? answer.json() : [];
}

function best(rows) {
  return rows.reduce((found, row) => (found && found.confidence_score >= row.confidence_score ? found : row), null)?.model_name;
}

/** Draw speed over time: measured as a line, forecast dashed with its interval. */
export function drawDetail(svg, { past, future }, clock) {
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
      makeSvg("path", { class: "chart-band", d: line([...anchor, ...upper, ...lower], x, y) + "Z" }),
      makeSvg("path", { class: "chart-future", d: line([...anchor, ...middle], x, y) }),
      makeSvg("line", { class: "chart-now", x1: x(origin), x2: x(origin), y1: EDGE.top, y2: height - EDGE.bottom }),
      makeSvg("text", { class: "chart-label", x: x(origin), y: height - 5, "text-anchor": "middle" }, clock.time(origin)),
    );
  }
  svg.append(makeSvg("path", { class: "chart-past", d: line(past, x, y) }));
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

/** A path through the values, broken where one was not observed. */
function line(points, x, y) {
  let pen = "M";
  return points.map(([time, value]) => {
    if (value === null) {
      pen = "M";
      return "";
    }
    const step = `${pen}${x(time).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = "L";
    return step;
  }).join("");
}
