/** How values are shown: speeds in bands, times in the network's zone. */

const BANDS = [20, 35, 50, 60];

export const SLOW_MPH = 40;

/** Class of a speed in mph: '0' (stationary) to '4' (free flow), 'none' where it was not observed. */
export function band(speed) {
  if (speed === null || speed === undefined) return "none";
  const found = BANDS.findIndex((limit) => speed < limit);
  return String(found === -1 ? BANDS.length : found);
}

/** The basis of a forecast, where that is not the sensor's own readings. */
export const BASES = {
  imputed: "Most of its own readings are missing or doubted: based on its neighbours and its usual speeds",
  transferred: "The model was not trained on this sensor: based on what it learned from others",
  profile: "Based only on its usual speeds at this time of the week",
};

export const mph = (speed) => (speed === null || speed === undefined ? "–" : speed.toFixed(1));

/** '45 min', '5 h', '6 days': advisories may last for weeks. */
export function lasting(minutes) {
  if (minutes < 120) return `${Math.round(minutes)} min`;
  return minutes < 2880 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 1440)} days`;
}

const UNITS = { mph: "mph", minutes: "min", miles: "mi", vehicle_hours: "vehicle-hours", percent: "%", vehicles: "vehicles" };

/** The name of a measure such as 'speed_drop_mph', and how its values are written. */
export function describeMeasure(measure) {
  if (/^(probability|share)(_|$)/.test(measure)) return { what: measure.replaceAll("_", " "), amount: percent };
  const unit = Object.keys(UNITS).find((name) => measure.endsWith(`_${name}`));
  const what = (unit ? measure.slice(0, -unit.length - 1) : measure).replaceAll("_", " ");
  const amount = (value) => `${Number(value.toPrecision(3))}${unit ? ` ${UNITS[unit]}` : ""}`;
  return { what, amount };
}

export const percent = (share) => (share === null || share === undefined ? "–" : `${Math.round(share * 100)} %`);

/** Formatters of instants (ISO 8601 text) in one IANA time zone. */
export function clockIn(timeZone) {
  const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone });
  const full = new Intl.DateTimeFormat("en-US", {
    weekday: "short", year: "numeric", month: "short", day: "numeric",
    hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone, timeZoneName: "short",
  });
  const seconds = new Intl.DateTimeFormat(undefined, {
    hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone,
  });
  return {
    zone: timeZone,
    seconds: (instant) => seconds.format(new Date(instant)),
    time: (instant) => (instant ? time.format(new Date(instant)) : "–"),
    full: (instant) => (instant ? full.format(new Date(instant)) : "–"),
  };
}

/** A difference with its sign: '+1.2', '−0.5'; what rounds to zero has none. */
export function signed(value, digits = 1) {
  const size = Math.abs(value).toFixed(digits);
  if (Number(size) === 0) return size;
  return `${value > 0 ? "+" : "−"}${size}`;
}

/** A name such as 'linear_regression' in words. */
export const words = (name) => name.replaceAll("_", " ");
