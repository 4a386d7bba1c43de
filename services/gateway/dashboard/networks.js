/** The sensor networks, which everything else on the page needs. */

const RETRY_MS = 3000;

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

function pauseMs(duration) {
  return new Promise((resolve) => {
    setTimeout(resolve, duration);
  });
}
