/** Roads as lines between sensors. */

const MAX_GAP_MILES = 6; // farther apart, two sensors are not joined

/** Sensors by road, in the direction of travel. */
export function carriageways(sensors) {
  const roads = new Map();
  for (const sensor of sensors) roads.set(sensor.road_name, [...(roads.get(sensor.road_name) ?? []), sensor]);
  for (const along of roads.values()) {
    const sign = "SW".includes(along[0].direction) && along[0].direction ? -1 : 1;
    along.sort((a, b) => sign * (a.postmile - b.postmile));
  }
  return roads;
}

/** Neighbours that are close enough to be joined. */
export function pairs(along) {
  return along.slice(1).map((sensor, index) => [along[index], sensor])
    .filter(([a, b]) => Math.abs(a.postmile - b.postmile) <= MAX_GAP_MILES);
}

const NAME_WIDTH_PX = 48, NAME_HEIGHT_PX = 14;

/**
 * Where the name of a road is written: beside its middle, or the nearest place, on either side, where no other name is
 * yet; null where names are everywhere.
 */
export function placeOfName(points, taken, distance) {
  const middle = Math.floor((points.length - 1) / 2);
  const nearest = points.slice(1).map((_, at) => at).sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle));
  for (const at of nearest) {
    const [a, b] = [points[at], points[at + 1]], [dx, dy] = [b[0] - a[0], b[1] - a[1]];
    const length = Math.hypot(dx, dy) || 1;
    for (const side of [distance, -distance]) {
      const place = [(a[0] + b[0]) / 2 - (dy / length) * side, (a[1] + b[1]) / 2 + (dx / length) * side + 4];
      const free = taken.every(([x, y]) => Math.abs(x - place[0]) >= NAME_WIDTH_PX || Math.abs(y - place[1]) >= NAME_HEIGHT_PX);
      if (free) return place;
    }
  }
  return null;
}

/** A line through points, for the attribute `d`. */
export const path = (points) => `M${points.map((point) => point.join(" ")).join("L")}`;
export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
export const extent = (values) => [Math.min(...values), Math.max(...values)];

/** A path through the values, broken where a value is missing. */
export function brokenPath(points, x, y) {
  let pen = "M";
  return points.map(([time, value]) => {
    if (value === null) {
      pen = "M";
      return "";
    }
    const step = `${pen}${x(time).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = "L";
    return step;
  }).join("");
}
