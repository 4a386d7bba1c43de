/** The models: which one serves, how accurate each was lately, and which one the page shows. */

import { make } from "./elements.js";
import { percent, signed, words } from "./format.js";
import { horizonsOf, threeOf } from "./networks.js";

const REFRESH_MS = 15000;
const LIVE_HOURS = 24;

export class ModelPanel {
  /**
   * @param {{panel: HTMLElement, body: HTMLElement, note: HTMLElement}} elements of the page
   * @param {(name: string) => void} onPick called with the chosen model, "" for what is served
   * @param {() => void} onChange called when the models changed
   * @param {(url: string) => Promise<Response>} get asks the gateway
   */
  constructor({ panel, head, body, note }, onPick, onChange, get) {
    Object.assign(this, { panel, head, body, note, onPick, onChange, get });
    this.minutes = [];
    this.models = [];
    this.chosen = "";
    setInterval(() => document.visibilityState === "visible" && this.load(), REFRESH_MS);
  }

  /** Show the models of a network, with their errors at three of its horizons. */
  follow(network) {
    this.networkId = network.network_id;
    this.minutes = threeOf(horizonsOf(network));
    this.head.replaceChildren(this.head.firstElementChild, ...this.minutes.map((minutes, place) =>
      make("th", { scope: "col", class: "number" }, place ? String(minutes) : `${minutes} min`)), this.head.lastElementChild);
    this.load();
  }

  /** Mark the model that the page shows. */
  choose(name) {
    if (name === this.chosen) return;
    this.chosen = name;
    this.#draw();
  }

  /** Names of the models that forecast, the champion first. */
  names() {
    return this.models.filter((model) => model.sensors > 0).map((model) => model.model_name);
  }

  async load() {
    if (!this.networkId) return;
    const asked = this.networkId;
    const query = new URLSearchParams({ network_id: asked, live_hours: LIVE_HOURS });
    try {
      const answer = await this.get(`/api/models?${query}`);
      if (!answer.ok) throw new Error(answer.statusText);
      const models = await answer.json();
      if (asked !== this.networkId) return;
      this.models = models;
      this.failed = false;
    } catch {
      this.failed = true; // the last known models stay visible
    }
    this.#draw();
    this.onChange();
  }

  #draw() {
    const shown = this.models.filter((model) => model.role !== "retired" && model.role !== "refused");
    this.panel.hidden = !shown.length && !this.failed;
    this.body.replaceChildren(...shown.map((model) => this.#row(model)));
    this.note.textContent = this.#words(shown);
  }

  #row(model) {
    // A member of the ensemble publishes no forecasts of its own.
    const selectable = model.sensors > 0, tag = selectable ? "button" : "span";
    const name = make(tag, { type: selectable && "button", title: about(model) }, words(model.model_name));
    const row = make(
      "tr", { class: [selectable && "selectable", model.model_name === this.chosen && "selected"].filter(Boolean).join(" ") },
      make("th", { scope: "row" }, name, " ", roleLabel(model.role)),
      ...this.minutes.map((minutes) => errorCell(model, minutes)),
      make("td", { class: "number", title: "Share of actual speeds within the 90 % intervals" }, coverage(model.live)),
    );
    if (selectable) row.addEventListener("click", () => this.onPick(this.chosen === model.model_name ? "" : model.model_name));
    return row;
  }

  #words(shown) {
    const refused = this.models.flatMap((model) => model.versions.filter((version) => version.role === "refused")
      .map((version) => `Refused: ${words(model.model_name)} ${version.model_version}, ${version.reason ?? "no reason given"}.`));
    const live = shown.flatMap((model) => model.live);
    const pairs = live.reduce((most, score) => Math.max(most, score.pairs), 0);
    const said = [];
    if (this.failed) said.push("The models could not be loaded.");
    if (live.length) said.push(`Mean absolute error in mph, live, up to ${pairs.toLocaleString("en-US")} forecasts per horizon.`);
    if (shown.some((model) => !model.live.length && model.offline.length)) said.push("Italics: error on the test data.");
    if (shown.length && !live.length) said.push("Live scores appear after the first outcome.");
    return [...said, ...refused].join(" ");
  }
}

/** A small label for the role of a model; none for a challenger, as most are. */
function roleLabel(role) {
  return role === "challenger" ? "" : make("span", { class: "role", data: { role } }, role);
}

/** Live error at a horizon; until there is one, the offline error in italics. */
function errorCell(model, minutes) {
  const live = model.live.find((score) => score.horizon_minutes === minutes);
  if (live) {
    const title = `${live.pairs} forecasts, bias ${signed(live.bias_mph, 2)} mph, coverage ${percent(live.coverage_90)}`;
    return make("td", { class: "number", title }, live.mae_mph.toFixed(2));
  }
  const offline = model.offline.find((score) => score.part === "test" && score.horizon_minutes === minutes)?.mae_mph;
  return make("td", { class: "number offline" }, offline === undefined || offline === null ? "–" : offline.toFixed(2));
}

function coverage(live) {
  const pairs = live.reduce((sum, score) => sum + score.pairs, 0);
  return pairs ? percent(live.reduce((sum, score) => sum + score.coverage_90 * score.pairs, 0) / pairs) : "–";
}

function about(model) {
  const parts = [model.what, `${model.role}, version ${model.model_version}`, `serves ${model.serving_sensors} of ${model.sensors} sensors`];
  return parts.filter(Boolean).join("\n");
}
