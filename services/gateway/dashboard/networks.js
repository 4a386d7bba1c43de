/** The sensor networks, which everything else on the page needs. */

const RETRY_MS = 3000;
const HORIZONS = 12;
const USUAL_MINUTES = 15;

/** Ask until the gateway answers with at least one network; pauses after every other answer. */
export async function waitForNetworks(ask, pause = pauseMs) {
  try {
    const answer = await ask();
    const networks = answer.ok ? await answer.json() : [];
    if (networks.length) return networks;
  } catch {
    // The gateway does not answer yet.
  }
  await pause(RETRY_MS);
  return waitForNetworks(ask, pause);
}

/** How many minutes ahead a network's forecasts are: its next twelve windows. */
export function horizonsOf(network) {
  return Array.from({ length: HORIZONS }, (_, ahead) => Math.round((ahead + 1) * network.window_minutes));
}

/** Of some horizons the one that is nearest to `wanted` minutes, the shorter of two. */
export function nearestHorizon(horizons, wanted = USUAL_MINUTES) {
  return horizons.reduce((best, each) => (Math.abs(each - wanted) < Math.abs(best - wanted) ? each : best));
}

/** A quarter of the way, half of it and all of it: 15, 30 and 60 minutes where windows have five. */
export function threeOf(horizons) {
  return [3, 6, 12].map((windows) => horizons[Math.min(windows, horizons.length) - 1]);
}

function pauseMs(duration) {
  return new Promise((resolve) => {
    setTimeout(resolve, duration);
  });
}
