/** How old the data is that the page shows: as the gateway's heartbeats say, and as their absence says. */

const MISSED_BEATS = 3;
const FIRST_INTERVAL_MS = 3000;
/** Forecasts may be so many windows behind. */
const STALE_WINDOWS = 2;
/** Stages without which what is shown is old: measured speeds do not wait for forecasts. */
const SHOWN = {
  now: ["gateway", "broker", "readings", "windows", "push"],
  forecast: ["gateway", "broker", "readings", "windows", "forecasts", "push"],
};

export class Freshness {
  #rows = new Map();
  #beatAt = null;
  #intervalMs = FIRST_INTERVAL_MS;
  #heard = false;

  /** @param {number} now milliseconds of a clock that only goes forward, as of every method */
  constructor(now) {
    this.heardAt = now;
  }

  /** Take note of a message of the gateway, a heartbeat or another. */
  hear(message, now) {
    this.heardAt = now;
    this.#heard = true;
    if (message.type !== "heartbeat") return;
    this.#intervalMs = message.interval_s * 1000;
    this.#beatAt = now;
    this.#rows = new Map(message.data.map((row) => [row.network_id, row]));
  }

  /** Whether nothing came for three heartbeats: whatever the connection looks like, the gateway is not there. */
  silent(now) {
    return now - this.heardAt > MISSED_BEATS * this.#intervalMs;
  }

  /** What to say of one network, before anything is heard 'waiting': {state: "live" | "stale" | "waiting", stage, agoMs, stages}; `agoMs` is since when, `never`: nothing ever came. */
  judge(networkId, now) {
    if (this.#heard && this.silent(now)) return { state: "stale", stage: "gateway", agoMs: now - this.heardAt, stages: ["gateway"] };
    const row = this.#rows.get(networkId);
    if (!row) return { state: "waiting", stage: null, agoMs: null, stages: [] };
    const sinceBeatMs = now - this.#beatAt;
    const late = row.state === "waiting" ? [] : row.stages.filter((stage) => isLate(stage, sinceBeatMs));
    if (late.length) {
      return {
        state: "stale", stage: late[0].stage, agoMs: (late[0].age_s ?? 0) * 1000 + sinceBeatMs,
        stages: late.map(({ stage }) => stage),
        ...(late[0].stage === "readings" && late[0].arrived_at === null && { never: true }),
        ...(late[0].behind_windows > STALE_WINDOWS && { behind: late[0].behind_windows }),
      };
    }
    return { state: row.state === "fresh" ? "live" : "waiting", stage: null, agoMs: null, stages: [] };
  }
}

/** Whether what is shown ("now" or "forecast") is as new as it should be, by what was judged. */
export function isCurrent({ state, stages }, shown) {
  return state !== "waiting" && !stages.some((stage) => SHOWN[shown].includes(stage));
}

/** The words for what was judged; `time` writes a moment, milliseconds since the epoch. */
export function describeFreshness({ state, stage, agoMs, never, behind }, wallNow, time) {
  if (never) return `No data yet, since ${time(wallNow - agoMs)}`;
  if (state === "stale") return `Stale since ${time(wallNow - agoMs)}${behind ? `, ${behind} windows behind` : ""} (${stage})`;
  return state === "live" ? "Live" : "Waiting for data";
}

/** Between heartbeats ages grow by themselves. */
function isLate({ state, age_s: ageS, limit_s: limitS }, sinceBeatMs) {
  return state === "stale" || (ageS !== null && ageS + sinceBeatMs / 1000 > limitS);
}
