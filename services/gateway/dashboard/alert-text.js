/** What the page says about one alert. */

import { lasting, percent } from "./format.js";

/** 'since 16:20, about 45 min': when it began and how long it will last, or when it was cleared. */
export function when(alert, clock) {
  if (alert.status === "cleared") return `cleared ${clock.time(alert.cleared_at)}`;
  const begin = alert.expected_at ? `at ${clock.time(alert.expected_at)}` : `since ${clock.time(alert.timestamp)}`;
  return alert.estimated_duration === null ? begin : `${begin}, about ${lasting(alert.estimated_duration)}`;
}

/** Place, confidence, duration, whether it is usual, and delay: what is known of them. */
export function facts(alert) {
  const usual = { true: "usual at this time", false: "unusual at this time" }[alert.recurrent];
  const delay = alert.delay_vehicle_hours === null ? "" : `${Math.round(alert.delay_vehicle_hours)} vehicle-hours of delay`;
  const [lower, upper] = [alert.estimated_duration_lower, alert.estimated_duration_upper];
  const over = alert.status === "cleared" || lower === null || upper === null;
  const range = over ? "" : `90 % interval ${lasting(lower)} to ${lasting(upper)}`;
  const worst = alert.worst_severity === alert.severity ? "" : `${alert.worst_severity} at its worst`;
  return [alert.location, worst, `confidence ${percent(alert.confidence_score)}`, range, usual, delay].filter(Boolean);
}

/** The operators who acknowledged it. */
export function whoSaw(alert) {
  return [...new Set(alert.actions.filter(({ kind }) => kind === "acknowledge").map(({ operator }) => operator))].join(", ");
}
