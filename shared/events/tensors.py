"""Arrays with a few words about them, as bytes: the safetensors format, which holds no code. Pure.

States are records of this form on their compacted topics; the library reads the arrays, but not what is said of them.
"""

import json
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

LENGTH_BYTES = 8
METADATA = "__metadata__"


def read_tensors(data: bytes) -> tuple[Mapping[str, str], Mapping[str, NDArray[Any]]]:
    """What is said of the arrays, and the arrays by name.

    Raises:
        ValueError: the bytes are not of this form, or nothing is said of the arrays.
    """
    try:
        arrays = load(data)
        about = json.loads(data[LENGTH_BYTES : LENGTH_BYTES + int.from_bytes(data[:LENGTH_BYTES], "little")])[METADATA]
    except (SafetensorError, KeyError, TypeError, OverflowError, RecursionError) as damaged:
        raise ValueError(f"no arrays with a description: {damaged!r}") from damaged
    return about, arrays
