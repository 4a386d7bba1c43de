/** The sortable, filterable table of sensors. */

import { basisLabel } from "./detail.js";
import { make } from "./elements.js";
import { band, mph, percent, signed } from "./format.js";
import { change, filtered, sorted } from "./rows.js";

const COLUMNS = [
  { name: "Sensor", value: ({ sensor }) => sensor.sensor_id },
  { name: "Road", value: ({ sensor }) => sensor.road_name },
  { name: "Location", value: ({ sensor }) => sensor.name },
  { name: "Now", value: ({ sensor }) => sensor.current_speed, number: true, title: "Mean speed of the newest window, mph" },
  { name: "Forecast", value: ({ forecast }) => forecast?.predicted_speed ?? null, number: true, title: "Forecast speed at the horizon, mph" },
  { name: "Interval", value: ({ forecast }) => (forecast ? forecast.upper_speed - forecast.lower_speed : null), number: true, title: "Prediction interval, mph" },
  { name: "Change", value: change, number: true, title: "Forecast minus the speed when it was made, mph" },
  { name: "Confidence", value: ({ forecast }) => forecast?.confidence_score ?? null, number: true, title: "Probability that the actual speed is within 5 mph" },
  { name: "Window", value: ({ sensor }) => sensor.timestamp ?? "", title: "End of the newest window, event time" },
];

export class SensorTable {
  constructor({ columns, body, count, empty, filter, onlySlow }, onPick) {
    Object.assign(this, { body, count, empty, filter, onlySlow, onPick });
    this.sorted = { column: 1, descending: false };
    this.elements = new Map();
    COLUMNS.forEach((column, index) => {
      const button = make("button", { type: "button", title: column.title }, column.name);
      button.addEventListener("click", () => this.#sortBy(index));
      columns.append(make("th", { scope: "col", class: column.number ? "number" : undefined }, button));
    });
    this.headers = [...columns.children];
    filter.addEventListener("input", () => this.#arrange());
    onlySlow.addEventListener("change", () => this.#arrange());
    this.#markSorted();
  }

  /** Show these rows; times through `clock`, the selected sensor marked. */
  show(rows, clock, selected) {
    this.rows = rows;
    const wanted = new Set(rows.map(({ sensor }) => sensor.sensor_id));
    for (const id of this.elements.keys()) if (!wanted.has(id)) this.elements.delete(id);
    for (const row of rows) this.#write(row, clock, selected);
    this.#arrange();
  }

  #write({ sensor, forecast }, clock, selected) {
    let element = this.elements.get(sensor.sensor_id);
    if (!element) {
      const button = make("button", { type: "button" }, sensor.sensor_id);
      element = make("tr", {}, make("td", {}, button), ...COLUMNS.slice(1).map(({ number }) => make("td", { class: number ? "number" : undefined })));
      element.children[3].append(make("span", { class: "speed" }));
      element.children[4].append(make("span", { class: "speed" }));
      element.addEventListener("click", () => this.onPick(sensor.sensor_id));
      this.elements.set(sensor.sensor_id, element);
    }
    element.classList.toggle("selected", sensor.sensor_id === selected);
    const cells = element.children, delta = change({ forecast });
    doubt(cells[0], sensor.doubt);
    write(cells[1], sensor.road_name);
    write(cells[2], sensor.name);
    speed(cells[3].firstChild, sensor.current_speed);
    speed(cells[4].lastChild, forecast?.predicted_speed ?? null);
    label(cells[4], forecast?.basis);
    write(cells[5], forecast ? `${forecast.lower_speed.toFixed(0)}–${forecast.upper_speed.toFixed(0)}` : "–");
    write(cells[6], delta === null ? "–" : signed(delta));
    cells[6].classList.toggle("falls", delta !== null && delta <= -5);
    cells[6].classList.toggle("rises", delta !== null && delta >= 5);
    write(cells[7], percent(forecast?.confidence_score));
    write(cells[8], clock.time(sensor.timestamp));
  }

  #arrange() {
    if (!this.rows) return;
    const { column, descending } = this.sorted;
    const kept = sorted(filtered(this.rows, this.filter.value, this.onlySlow.checked), COLUMNS[column].value, descending);
    const elements = kept.map(({ sensor }) => this.elements.get(sensor.sensor_id));
    if (elements.length !== this.body.children.length || elements.some((each, index) => each !== this.body.children[index])) {
      const focused = document.activeElement;
      this.body.replaceChildren(...elements);
      if (focused && this.body.contains(focused)) focused.focus({ preventScroll: true });
    }
    this.count.textContent = kept.length === this.rows.length ? String(kept.length) : `${kept.length} of ${this.rows.length}`;
    this.empty.hidden = kept.length > 0 || this.rows.length === 0;
  }

  #sortBy(column) {
    const again = this.sorted.column === column;
    this.sorted = { column, descending: again ? !this.sorted.descending : false };
    this.#markSorted();
    this.#arrange();
  }

  #markSorted() {
    this.headers.forEach((header, index) => {
      if (index === this.sorted.column) header.setAttribute("aria-sort", this.sorted.descending ? "descending" : "ascending");
      else header.removeAttribute("aria-sort");
    });
  }
}

function write(cell, text) {
  if (cell.textContent !== text) cell.textContent = text;
}

/** Why a sensor is not believed, beside its name. */
function doubt(cell, why) {
  const detail = why?.detail ?? "";
  if ((cell.dataset.doubt ?? "") === detail) return;
  cell.dataset.doubt = detail;
  cell.replaceChildren(cell.firstChild, ...(detail ? [make("span", { class: "basis", title: `Not believed: ${detail}` }, "clock off")] : []));
}

function label(cell, basis) {
  if (cell.dataset.basis === (basis ?? "")) return;
  cell.dataset.basis = basis ?? "";
  cell.replaceChildren(basisLabel(basis), cell.lastChild);
}

function speed(span, value) {
  write(span, mph(value));
  span.dataset.band = band(value);
}
