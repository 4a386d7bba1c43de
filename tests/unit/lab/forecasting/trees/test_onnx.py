import gzip

import numpy as np
import pytest

from metrla.lab.forecasting.training.trees.export import Tree, to_onnx
from shared.events.errors import ModelError
from shared.forecasting.models.onnx import OnnxModel

STUMP = Tree(
    left=np.array([1, -1, -1]),
    right=np.array([2, 0, 0]),
    feature=np.array([1, 0, 0]),
    threshold=np.array([0.5, 0, 0], dtype=np.float32),
    missing_left=np.array([True, False, False]),
    values=np.array([[0, 0], [1, -1], [2, -2]], dtype=np.float32),
)
CONTENT = to_onnx([STUMP, STUMP], "BRANCH_LT", 3)
ROWS = np.array([[9, 0.4, 9], [9, 0.5, 9], [9, np.nan, 9]], dtype=np.float32)


@pytest.mark.parametrize("content", [CONTENT, gzip.decompress(CONTENT)], ids=["compressed", "plain"])
def test_trees_add_up_and_missing_features_go_where_they_were_taught_to(content: bytes) -> None:
    (found,) = OnnxModel.open(content)(features=ROWS)
    assert found.tolist() == [[2, -2], [4, -4], [2, -2]]


def test_a_feature_may_also_go_left_when_it_is_equal() -> None:
    (found,) = OnnxModel.open(to_onnx([STUMP], "BRANCH_LEQ", 3))(features=ROWS)
    assert found[:, 0].tolist() == [1, 1, 1]


def test_a_model_tells_what_it_takes() -> None:
    model = OnnxModel.open(CONTENT)
    assert dict(model.inputs) == {"features": (None, 3)}
    assert model.outputs == ["deviation_mph"]


def test_the_same_trees_are_the_same_bytes() -> None:
    assert to_onnx([STUMP, STUMP], "BRANCH_LT", 3) == CONTENT


@pytest.mark.parametrize(
    "content",
    [b"", b"not a model", CONTENT[:-20], CONTENT[:40], gzip.compress(b"not a model"), gzip.decompress(CONTENT)[:-9]],
    ids=["empty", "text", "cut short", "hardly begun", "compressed text", "cut short before"],
)
def test_a_damaged_model_is_refused(content: bytes) -> None:
    with pytest.raises(ModelError, match="model"):
        OnnxModel.open(content)


def test_input_that_does_not_fit_is_an_error_of_ours() -> None:
    model = OnnxModel.open(CONTENT)
    with pytest.raises(ModelError, match="cannot run"):
        model(other=ROWS)
    with pytest.raises(ModelError, match="cannot run"):
        model(features=ROWS[:, :2].copy())
