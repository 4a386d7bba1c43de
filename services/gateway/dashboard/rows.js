/** The rows of the table, {sensor, forecast}: which are shown, and in what order. */

import { SLOW_MPH } from "./format.js";

/** Forecast minus the speed when it was made, mph; null where either is missing. */
export const change = ({ forecast }) =>
  forecast && forecast.current_speed !== null ? forecast.predicted_speed - forecast.current_speed : null;

/** Rows that contain every word of `text`, and, with `onlySlow`, are slow now or are forecast to be. */
export function filtered(rows, text, onlySlow) {
  const wanted = text.trim().toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter((row) => (!onlySlow || isSlow(row)) && wanted.every((word) => searched(row).includes(word)));
}

/**
 * How many rows whose sensors are believed have a known speed (of `speedOf`) that is not older than the window before the newest one; `shown` is
 * "now" or "forecast".
 */
export function reporting(rows, speedOf, shown, windowMinutes) {
  const believed = rows.filter(({ sensor }) => !sensor.doubt);
  const timeOf = (row) => Date.parse((shown === "forecast" ? row.forecast : row.sensor)?.timestamp ?? "");
  const newest = Math.max(...believed.map(timeOf).filter(Number.isFinite));
  const isKnown = (row) => speedOf(row) !== null && speedOf(row) !== undefined;
  return believed.filter((row) => isKnown(row) && newest - timeOf(row) <= windowMinutes * 60000).length;
}

/** A sorted copy of the rows; missing values come last, whichever way the rest is sorted. */
export function sorted(rows, value, descending) {
  return [...rows].sort((a, b) =>
    compare(value(a), value(b), descending) || a.sensor.sensor_id.localeCompare(b.sensor.sensor_id));
}

function isSlow({ sensor, forecast }) {
  return (sensor.current_speed !== null && sensor.current_speed < SLOW_MPH)
    || (forecast !== null && forecast.predicted_speed < SLOW_MPH);
}

function searched({ sensor }) {
  return `${sensor.sensor_id} ${sensor.road_name} ${sensor.name}`.toLowerCase();
}

function compare(a, b, descending) {
  if (a === null || b === null) return (a === null) - (b === null);
  const order = typeof a === "string" ? a.localeCompare(b, undefined, { numeric: true }) : a - b;
  return descending ? -order : order;
}
