"""From fitted trees to ONNX: one node of the operator `TreeEnsembleRegressor` (ai.onnx.ml 3).

Written here rather than by skl2onnx and onnxmltools, which do not know trees that forecast all horizons in one leaf
(skl2onnx does, but writes each leaf value with 15 digits of names around it; xgboost's vector leaves are in neither).
"""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

ML_DOMAIN, ML_OPSET, OPSET, IR_VERSION = "ai.onnx.ml", 3, 17, 8
INPUT, OUTPUT = "features", "deviation_mph"


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """One tree of n nodes, the first being its root.

    Attributes:
        left: node that follows where the rule holds, (n,); -1 for a leaf.
        right: node that follows where it does not, (n,).
        feature: which feature the rule looks at, (n,).
        threshold: what it is compared to, (n,) float32.
        missing_left: whether a missing feature (NaN) goes left, (n,).
        values: what a leaf adds to each target, (n, targets); anything for other nodes.
    """

    left: NDArray[np.integer]
    right: NDArray[np.integer]
    feature: NDArray[np.integer]
    threshold: NDArray[np.float32]
    missing_left: NDArray[np.bool_]
    values: NDArray[np.floating]


def to_onnx(trees: Sequence[Tree], rule: Literal["BRANCH_LT", "BRANCH_LEQ"], features: int) -> bytes:
    """The sum of the trees as a compressed ONNX model: `features` (n, features) float32 to (n, targets).

    Leaf values are rounded to half precision, which loses less than 0.01 mph of a leaf of 10 mph, and halves the file.

    Args:
        trees: all with the same number of targets.
        rule: whether a feature goes left that is less than the threshold, or also one that is equal.
        features: how many.
    """
    targets = trees[0].values.shape[1]
    sizes = [len(tree.left) for tree in trees]
    owner = np.repeat(np.arange(len(trees)), sizes)
    place = np.concatenate([np.arange(size) for size in sizes])
    left, right, feature, missing = (
        np.concatenate([getattr(tree, name) for tree in trees]) for name in ("left", "right", "feature", "missing_left")
    )
    threshold = np.concatenate([tree.threshold for tree in trees]).astype(np.float32)
    values = np.concatenate([tree.values for tree in trees]).astype(np.float16).astype(np.float32)
    leaf = left < 0
    node = helper.make_node(
        "TreeEnsembleRegressor",
        [INPUT],
        [OUTPUT],
        domain=ML_DOMAIN,
        n_targets=targets,
        aggregate_function="SUM",
        post_transform="NONE",
        nodes_treeids=owner.tolist(),
        nodes_nodeids=place.tolist(),
        nodes_modes=np.where(leaf, "LEAF", rule).tolist(),
        nodes_featureids=np.where(leaf, 0, feature).tolist(),
        nodes_values=np.where(leaf, np.float32(0), threshold).tolist(),
        nodes_truenodeids=np.where(leaf, 0, left).tolist(),
        nodes_falsenodeids=np.where(leaf, 0, right).tolist(),
        nodes_missing_value_tracks_true=np.where(leaf, 0, missing).tolist(),
        target_treeids=np.repeat(owner[leaf], targets).tolist(),
        target_nodeids=np.repeat(place[leaf], targets).tolist(),
        target_ids=np.tile(np.arange(targets), int(leaf.sum())).tolist(),
        target_weights=values[leaf].ravel().tolist(),
    )
    graph = helper.make_graph(
        [node],
        "trees",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, features])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [None, targets])],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML_DOMAIN, ML_OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="metrla")
    onnx.checker.check_model(model)
    # Without a time in its header the same model is the same file.
    return gzip.compress(model.SerializeToString(deterministic=True), compresslevel=9, mtime=0)
