/** The map sketch: carriageways as lines, sensors as dots, both coloured by speed; alerts as marks. */

import { makeSvg } from "./elements.js";
import { band } from "./format.js";
import { carriageways, extent, mean, pairs, placeOfName, path } from "./roads.js";

const MARGIN = { left: 50, right: 60, top: 46, bottom: 62 };
const NAME_PX = 20; // from a freeway to its name
const SIDE_PX = 4.5; // half the distance between the two carriageways of a freeway
const MAX_ZOOM = 40;

export class SensorMap {
  constructor(svg, { onPick, onHover }) {
    this.svg = svg;
    this.onPick = onPick;
    this.onHover = onHover;
    this.view = { scale: 1, x: 0, y: 0 };
    this.sensors = [];
    this.layer = makeSvg("g");
    svg.append(this.layer);
    this.#listen();
    new ResizeObserver(() => this.draw()).observe(svg);
  }

  /** Set the sensors and redraw everything. */
  place(sensors) {
    this.sensors = sensors;
    this.draw();
  }

  draw() {
    const { width, height } = this.svg.getBoundingClientRect();
    this.layer.replaceChildren();
    this.dots = new Map();
    this.stretches = new Map();
    if (!this.sensors.length || !width) return;
    this.#fit(width, height);
    const roads = makeSvg("g"), stretches = makeSvg("g"), dots = makeSvg("g"), names = makeSvg("g");
    this.halos = makeSvg("g");
    this.marks = makeSvg("g");
    const crowded = this.sensors.length > 120 && this.view.scale < 2;
    this.radius = crowded ? 3.6 : 5;
    for (const [road, along] of carriageways(this.sensors)) {
      const points = this.#shifted(along);
      for (const [from, to] of pairs(along)) {
        const [a, b] = [points.get(from.sensor_id), points.get(to.sensor_id)];
        const middle = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
        roads.append(makeSvg("path", { class: "road", d: path([a, b]), "stroke-width": 6 }));
        this.#stretch(stretches, from, [a, middle]);
        this.#stretch(stretches, to, [middle, b]);
      }
      for (const sensor of along) this.#dot(dots, sensor, points.get(sensor.sensor_id));
      this.#name(names, road, along, points);
    }
    this.layer.append(this.halos, roads, stretches, dots, names, this.marks);
    if (this.last) this.paint(...this.last);
  }

  /** Colour sensors: `speeds` maps sensor_id to mph; mark alerts; highlight the selected sensor. */
  paint(speeds, alerts, selected) {
    this.last = [speeds, alerts, selected];
    if (!this.dots?.size) return;
    for (const [id, dot] of this.dots) {
      dot.element.dataset.band = band(speeds.get(id));
      dot.element.classList.toggle("selected", id === selected);
      dot.element.setAttribute("r", id === selected ? this.radius + 2.5 : this.radius);
      dot.element.setAttribute("stroke-width", id === selected ? 2.5 : 1.4);
      for (const stretch of this.stretches.get(id) ?? []) stretch.dataset.band = band(speeds.get(id));
    }
    const chosen = this.dots.get(selected)?.element;
    if (chosen && chosen !== chosen.parentNode.lastChild) chosen.parentNode.append(chosen);
    this.#alerts(alerts);
  }

  #alerts(alerts) {
    this.halos.replaceChildren();
    this.marks.replaceChildren();
    for (const alert of alerts.filter((each) => each.status !== "cleared")) {
      const along = new Map();
      for (const dot of alert.affected_sensors.map((id) => this.dots.get(id)).filter(Boolean)) {
        along.set(dot.road, [...(along.get(dot.road) ?? []), dot.point]);
      }
      for (const points of along.values()) {
        this.halos.append(makeSvg("path", { class: "halo", d: path(points), "stroke-width": 24 }));
      }
      const [x, y] = this.#project(alert);
      const mark = makeSvg("path", {
        class: "alert-mark", d: `M${x} ${y - 24}l9 15.5h-18z`, data: { severity: alert.severity },
      });
      mark.append(makeSvg("title", {}, alert.message));
      mark.addEventListener("click", () => this.onPick(alert.affected_sensors.at(-1) ?? null));
      this.marks.append(mark, makeSvg("text", { class: "alert-bang", x, y: y - 11 }, "!"));
    }
  }

  #stretch(parent, sensor, points) {
    const element = makeSvg("path", { class: "stretch", d: path(points), "stroke-width": 4, data: { band: "none" } });
    this.stretches.set(sensor.sensor_id, [...(this.stretches.get(sensor.sensor_id) ?? []), element]);
    parent.append(element);
  }

  #dot(parent, sensor, point) {
    const element = makeSvg("circle", {
      class: "sensor", cx: point[0], cy: point[1], r: this.radius, "stroke-width": 1.4, data: { band: "none" },
    });
    element.addEventListener("click", () => this.onPick(sensor.sensor_id));
    element.addEventListener("pointerenter", () => this.onHover(sensor.sensor_id, point));
    element.addEventListener("pointerleave", () => this.onHover(null));
    this.dots.set(sensor.sensor_id, { element, point, road: sensor.road_name });
    parent.append(element);
  }

  #name(parent, road, along, points) {
    const freeway = along[0].freeway;
    if (this.named === undefined || !parent.childElementCount) this.named = new Map();
    if (this.named.has(freeway) || along.length < 2) return;
    const place = placeOfName(along.map((sensor) => points.get(sensor.sensor_id)), [...this.named.values()], NAME_PX);
    if (!place) return;
    this.named.set(freeway, place);
    parent.append(makeSvg("text", { class: "road-name", x: place[0], y: place[1] }, freeway));
  }

  #fit(width, height) {
    const cosine = Math.cos((mean(this.sensors.map((s) => s.latitude)) * Math.PI) / 180);
    const flat = ({ latitude, longitude }) => [longitude * cosine, -latitude];
    const all = this.sensors.map(flat);
    const [left, right] = extent(all.map(([east]) => east)), [top, bottom] = extent(all.map(([, south]) => south));
    const [free, tall] = [width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom];
    const unit = Math.max(0, Math.min(free / (right - left || 1), tall / (bottom - top || 1)));
    const [centreX, centreY] = [MARGIN.left + free / 2, MARGIN.top + tall / 2];
    const { scale, x, y } = this.view;
    this.#project = (place) => {
      const [east, south] = flat(place);
      return [
        (centreX + (east - (left + right) / 2) * unit - width / 2) * scale + width / 2 + x,
        (centreY + (south - (top + bottom) / 2) * unit - height / 2) * scale + height / 2 + y,
      ].map((value) => Math.round(value * 10) / 10);
    };
  }

  #project = () => [0, 0];

  /** Points of one carriageway, shifted to its side of the freeway: right in the direction of travel. */
  #shifted(along) {
    const raw = along.map((sensor) => this.#project(sensor));
    return new Map(along.map((sensor, index) => {
      const before = raw[Math.max(0, index - 1)], after = raw[Math.min(raw.length - 1, index + 1)];
      const [dx, dy] = [after[0] - before[0], after[1] - before[1]];
      const length = Math.hypot(dx, dy) || 1;
      return [sensor.sensor_id, [raw[index][0] - (dy / length) * SIDE_PX, raw[index][1] + (dx / length) * SIDE_PX]];
    }));
  }

  zoom(factor, [px, py] = [this.svg.clientWidth / 2, this.svg.clientHeight / 2]) {
    const scale = Math.min(MAX_ZOOM, Math.max(1, this.view.scale * factor));
    const ratio = scale / this.view.scale;
    const [cx, cy] = [px - this.svg.clientWidth / 2, py - this.svg.clientHeight / 2];
    this.view = { scale, x: cx - (cx - this.view.x) * ratio, y: cy - (cy - this.view.y) * ratio };
    if (scale === 1) this.view = { scale, x: 0, y: 0 };
    this.draw();
  }

  showAll() {
    this.view = { scale: 1, x: 0, y: 0 };
    this.draw();
  }

  #listen() {
    this.svg.addEventListener("wheel", (event) => {
      event.preventDefault();
      const box = this.svg.getBoundingClientRect();
      this.zoom(Math.exp(-event.deltaY / 400), [event.clientX - box.left, event.clientY - box.top]);
    }, { passive: false });
    this.svg.addEventListener("pointerdown", (event) => {
      if (event.target.closest(".sensor, .alert-mark")) return;
      this.svg.setPointerCapture(event.pointerId);
      this.svg.classList.add("dragging");
    });
    this.svg.addEventListener("pointermove", (event) => {
      if (!this.svg.hasPointerCapture(event.pointerId)) return;
      this.view = { ...this.view, x: this.view.x + event.movementX, y: this.view.y + event.movementY };
      this.draw();
    });
    this.svg.addEventListener("pointerup", () => this.svg.classList.remove("dragging"));
  }
}
