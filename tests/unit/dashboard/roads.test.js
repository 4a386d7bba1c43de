import assert from "node:assert/strict";
import { test } from "node:test";

import { brokenPath, carriageways, extent, mean, pairs, path, placeOfName } from "../../../services/gateway/dashboard/roads.js";

const sensor = (id, road, direction, postmile) => ({ sensor_id: id, road_name: road, direction, postmile });

test("sensors of a carriageway are in the direction of travel: postmiles fall to the south and west", () => {
  const roads = carriageways([
    sensor("n2", "I-5 N", "N", 2), sensor("s1", "I-5 S", "S", 1), sensor("n1", "I-5 N", "N", 1), sensor("s2", "I-5 S", "S", 2),
  ]);
  const found = [...roads].map(([road, along]) => [road, along.map((each) => each.sensor_id)]);
  assert.deepEqual(found, [["I-5 N", ["n1", "n2"]], ["I-5 S", ["s2", "s1"]]]);
});

test("a network without directions is sorted by postmile", () => {
  const [along] = carriageways([sensor("b", "", "", 2), sensor("a", "", "", 1)]).values();
  assert.deepEqual(along.map((each) => each.sensor_id), ["a", "b"]);
});

test("neighbours up to six miles apart are joined", () => {
  const along = [0, 6, 12.1, 13].map((postmile, index) => sensor(String(index), "I-5 N", "N", postmile));
  assert.deepEqual(pairs(along).map((pair) => pair.map((each) => each.sensor_id)), [["0", "1"], ["2", "3"]]);
  assert.deepEqual(pairs(along.slice(0, 1)), []);
});

test("a path goes through its points, and begins anew after a missing value", () => {
  assert.equal(path([[0, 1], [2, 3]]), "M0 1L2 3");
  const same = (value) => value;
  assert.equal(brokenPath([[0, 10], [1, null], [2, 20], [3, 30]], same, same), "M0.0 10.0M2.0 20.0L3.0 30.0");
  assert.equal(brokenPath([], same, same), "");
});

test("mean and extent", () => {
  assert.equal(mean([1, 2, 6]), 3);
  assert.deepEqual(extent([3, -1, 2]), [-1, 3]);
});

test("no name of a road is written over another", () => {
  const road = [[0, 0], [100, 0], [200, 0], [300, 0]];
  assert.deepEqual(placeOfName(road, [], 20), [150, 24], "beside the middle");
  assert.deepEqual(placeOfName(road, [[150, 24]], 20), [150, -16], "on the other side");
  assert.deepEqual(placeOfName(road, [[150, 24], [150, -16]], 20), [50, 24], "beside the next stretch");
  assert.equal(placeOfName([[0, 0], [10, 0]], [[5, 4]], 1), null, "nowhere");
});
