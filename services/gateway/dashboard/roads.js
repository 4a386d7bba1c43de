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
