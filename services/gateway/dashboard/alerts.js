/** The alerts: what is wrong where, why, what operators did, and, with a write token, buttons to act. */

import { headersOf } from "./access.js";
import { facts, when, whoSaw } from "./alert-text.js";
import { make } from "./elements.js";
import { describeMeasure, mph, words } from "./format.js";

const DONE = { acknowledge: "acknowledged", comment: "commented", close: "closed" };
const BUTTONS = { acknowledge: "Acknowledge", comment: "Comment", close: "Close" };

export class AlertPanel {
  #items = new Map();
  #drafts = new Map();
  #unsent = new Map();

  /**
   * @param parts elements: `list`, `none`, `operate` (button), `form`, `name`, `token`, `stop` (button).
   * @param onPick called with the sensor at the head of an alert.
   * @param onChanged called with an alert that was acted on, as the gateway has it now.
   */
  constructor(parts, onPick, onChanged) {
    this.parts = parts;
    this.onPick = onPick;
    this.onChanged = onChanged;
    this.operator = localStorage.getItem("operator") ?? "";
    this.token = sessionStorage.getItem("write-token") ?? "";
    this.#listen();
  }

  /** Show these alerts. An alert that did not change keeps its element, with what is open or typed in it. */
  show(alerts, clock) {
    this.clock = clock;
    this.alerts = alerts;
    this.parts.none.hidden = alerts.length > 0;
    const items = alerts.map((alert) => this.#item(alert));
    const present = [...this.parts.list.children];
    if (items.length !== present.length || items.some((item, place) => item !== present[place])) {
      this.parts.list.replaceChildren(...items);
    }
    const ids = new Set(alerts.map((alert) => alert.alert_id));
    for (const id of this.#items.keys()) if (!ids.has(id)) this.#items.delete(id);
  }

  #item(alert) {
    const signature = [alert.revision, this.clock.zone, this.token !== "", this.operator].join();
    const known = this.#items.get(alert.alert_id);
    if (known?.signature === signature) return known.element;
    const open = known?.element.querySelector("details")?.open ?? false;
    const element = make("li", { class: "alert-item" }, this.#summary(alert), this.#details(alert, open));
    this.#items.set(alert.alert_id, { signature, element });
    return element;
  }

  #summary(alert) {
    const over = alert.status === "cleared";
    const button = make(
      "button", { type: "button", class: over ? "alert cleared" : "alert", data: { severity: alert.severity } },
      make(
        "span", { class: "alert-top" },
        make("b", {}, `${alert.severity} ${alert.expected_at && !over ? "expected " : ""}${alert.alert_type}`),
        make("span", {}, when(alert, this.clock)),
      ),
      make("span", {}, alert.message),
      make("span", { class: "muted" }, facts(alert).join(", ")),
      ...(alert.acknowledged && !over ? [make("span", { class: "seen" }, `acknowledged by ${whoSaw(alert)}`)] : []),
    );
    button.addEventListener("click", () => this.onPick(alert.affected_sensors.at(-1) ?? null));
    return button;
  }

  #details(alert, open) {
    const writes = this.token !== "";
    if (!alert.evidence.length && !alert.actions.length && !writes) return "";
    const count = alert.actions.length;
    const said = count ? ` and ${count} ${count === 1 ? "action" : "actions"}` : "";
    return make(
      "details", { class: "why", open },
      make("summary", {}, `Evidence${said}`),
      ...(alert.evidence.length ? alert.evidence.map((each) => this.#evidence(each)) : [make("p", { class: "muted" }, "No evidence was recorded.")]),
      alert.actions.length ? make("ul", { class: "actions" }, ...alert.actions.map((each) => this.#action(each))) : "",
      writes ? this.#controls(alert) : "",
    );
  }

  #evidence({ rule, measure, value, threshold, model_name, model_version, windows }) {
    const { what, amount } = describeMeasure(measure);
    const by = model_name ? ` (${words(model_name)}, ${model_version})` : "";
    return make(
      "div", { class: "evidence" },
      make("p", {}, make("b", {}, words(rule)), `: ${what} ${amount(value)}, threshold ${amount(threshold)}${by}`),
      windows.length ? make(
        "table", {},
        make("thead", {}, make("tr", {}, ...["window end", "sensor", "mph", "usual", "forecast"].map((name, place) =>
          make("th", { scope: "col", class: place > 1 && "number" }, name)))),
        make("tbody", {}, ...windows.map((each) => make(
          "tr", {},
          make("td", {}, this.clock.time(each.window_end)),
          make("td", {}, each.sensor_id),
          ...[each.speed, each.usual_speed, each.forecast_speed].map((speed) => make("td", { class: "number" }, mph(speed))),
        ))),
      ) : "",
    );
  }

  #action({ kind, at, operator, text }) {
    return make(
      "li", {},
      make("b", {}, operator), ` ${DONE[kind]} at ${this.clock.full(at)}`, text ? make("span", { class: "said" }, text) : "",
    );
  }

  #controls(alert) {
    const note = make("p", { class: "muted", role: "status" });
    const text = make("input", { type: "text", maxlength: 1000, placeholder: "Comment or reason", "aria-label": "Comment or reason" });
    text.value = this.#drafts.get(alert.alert_id) ?? "";
    text.addEventListener("input", () => this.#drafts.set(alert.alert_id, text.value));
    const over = alert.status === "cleared";
    const kinds = [...(over || alert.acknowledged ? [] : ["acknowledge"]), "comment", ...(over ? [] : ["close"])];
    const buttons = kinds.map((kind) => {
      const button = make("button", { type: "button" }, BUTTONS[kind]);
      button.addEventListener("click", () => this.#act(alert, kind, text, note, buttons));
      return button;
    });
    return make("div", { class: "act" }, text, ...buttons, note);
  }

  async #act(alert, kind, text, note, buttons) {
    const said = text.value.trim();
    if (kind === "comment" && !said) {
      note.textContent = "Enter a comment first.";
      text.focus();
      return;
    }
    for (const button of buttons) button.disabled = true;
    note.textContent = "Sending…";
    const path = `/api/alerts/${encodeURIComponent(alert.alert_id)}`;
    const body = JSON.stringify({ kind, operator: this.operator, text: said });
    // The same action keeps its id until the gateway answers: sent twice, it counts once.
    const content = `${path} ${body}`;
    const id = this.#unsent.get(content) ?? newId();
    this.#unsent.set(content, id);
    try {
      const answer = await fetch(`${path}/actions`, {
        method: "POST", body,
        headers: { "Content-Type": "application/json", "Idempotency-Key": id, ...headersOf(this.token) },
      });
      if (!answer.ok) throw new Error((await answer.json()).detail);
      this.#unsent.delete(content);
      this.#drafts.delete(alert.alert_id);
      text.value = "";
      note.textContent = answer.status === 202 ? "Sent. The alert detector has not processed it yet." : "Done.";
      const now = await fetch(path, { headers: headersOf(this.token) });
      if (now.ok) this.onChanged(await now.json());
    } catch (failed) {
      note.textContent = `Failed: ${failed.message}`;
    }
    for (const button of buttons) button.disabled = false;
  }

  #listen() {
    const { operate, form, name, token, stop } = this.parts;
    name.value = this.operator;
    const label = () => {
      operate.textContent = this.token ? `Operator: ${this.operator}` : "Operator sign-in";
      stop.hidden = !this.token;
    };
    operate.addEventListener("click", () => {
      form.hidden = !form.hidden;
      operate.setAttribute("aria-expanded", String(!form.hidden));
      if (!form.hidden) (name.value ? token : name).focus();
    });
    const become = (operator, write) => {
      [this.operator, this.token] = [operator, write];
      localStorage.setItem("operator", operator);
      sessionStorage.setItem("write-token", write);
      token.value = "";
      form.hidden = true;
      operate.setAttribute("aria-expanded", "false");
      label();
      if (this.alerts) this.show(this.alerts, this.clock);
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (name.value.trim() && token.value) become(name.value.trim(), token.value);
    });
    stop.addEventListener("click", () => become(this.operator, ""));
    label();
  }
}

/** A random id; `crypto.randomUUID` exists only on secure origins. */
function newId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
