"""Arrays with a few words about them: what comes back, and what is none."""

import numpy as np
import pytest
from safetensors.numpy import save

from shared.events.tensors import LENGTH_BYTES, read_tensors

ARRAYS = {"a": np.array([1.0, 2.0], dtype=np.float32)}
DEEP = b"[" * 100_000


def test_what_is_written_comes_back() -> None:
    about, arrays = read_tensors(save(ARRAYS, {"of": "a network"}))
    assert about == {"of": "a network"}
    assert arrays["a"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    "data",
    [b"", b"x", save(ARRAYS), len(DEEP).to_bytes(LENGTH_BYTES, "little") + DEEP, save(ARRAYS, {"of": "x"})[:-1]],
    ids=["empty", "short", "nothing said", "deep", "cut"],
)
def test_what_is_none_is_one_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="no arrays with a description"):
        read_tensors(data)
