"""Where figures and models come from: fingerprints of the data, and the libraries that worked on them. Pure."""

from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from numpy.typing import NDArray

from shared.traffic.network import Network

LIBRARIES = (
    "metrla",
    "numpy",
    "holidays",
    "scikit-learn",
    "scipy",
    "xgboost-cpu",
    "jax",
    "optax",
    "onnx",
    "onnxruntime",
)


def software() -> dict[str, str]:
    """The versions of what models are made with, as far as it is installed."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def data_fingerprint(start: str, speed_mph: NDArray[np.floating]) -> str:
    """SHA-256 of speeds and their first instant: what a card names its training data by."""
    found = sha256(start.encode())
    found.update(np.ascontiguousarray(speed_mph, dtype=np.float32).tobytes())
    return found.hexdigest()


def network_fingerprint(network: Network) -> str:
    """SHA-256 of what models see of a network: sensors, positions, edges, window, zone and holidays."""
    return sha256(repr(network).encode()).hexdigest()
