"""What survives an interruption of training: a folder for each model on one recording with one choice of settings."""

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from metrla.lab.forecasting.training.fitted import Checkpoints, Fitted
from shared.events.errors import ConfigurationError

KEPT_DAYS = 30
FITTED, TENSORS, ONNX, SPENT = "fitted.json", "fitted.safetensors", "fitted.onnx", "spent.json"


@dataclass(frozen=True, slots=True)
class Folder:
    """Checkpoints as files of one folder, which is made when the first is written."""

    path: Path

    def read(self, name: str) -> bytes | None:
        """The content of the file, None where there is none."""
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Replace the file; a kill at any moment leaves the old or the new one."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            partial = self.path / f".{name}.{os.getpid()}.partial"
            partial.write_bytes(content)
            partial.replace(self.path / name)
        except OSError as failed:
            raise ConfigurationError(f"cannot keep what was trained in {self.path}: {failed.strerror}") from failed


@dataclass(frozen=True, slots=True)
class Memory:
    """Checkpoints that end with the process."""

    kept: dict[str, bytes] = field(default_factory=dict)

    def read(self, name: str) -> bytes | None:
        """What was written."""
        return self.kept.get(name)

    def write(self, name: str, content: bytes) -> None:
        """Keep it."""
        self.kept[name] = content


@dataclass(slots=True)
class Timed:
    """Checkpoints of a fit that know how long it takes, with the runs that were interrupted up to their last write.

    `clock` tells seconds.
    """

    checkpoints: Checkpoints
    clock: Callable[[], float]
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        """Take up what earlier runs spent."""
        spent = self.checkpoints.read(SPENT)
        self._began = self.clock() - (0.0 if spent is None else float(json.loads(spent)))

    @property
    def seconds(self) -> float:
        """Spent until now."""
        return self.clock() - self._began

    def read(self, name: str) -> bytes | None:
        """See `Checkpoints.read`."""
        return self.checkpoints.read(name)

    def write(self, name: str, content: bytes) -> None:
        """See `Checkpoints.write`."""
        self.checkpoints.write(name, content)
        self.checkpoints.write(SPENT, json.dumps(self.seconds).encode())


@dataclass(frozen=True, slots=True)
class Work:
    """The work folder; without one (`None`) nothing outlives the process."""

    root: Path | None = None

    def of(self, model_name: str, key: Mapping[str, Any]) -> Checkpoints:
        """The checkpoints of one model; `key` (JSON) is all that its fit depends on."""
        if self.root is None:
            return Memory()
        return Folder(self.root / f"{model_name}-{fingerprint(key)[:16]}")

    def way_on(self) -> str:
        """How to continue after an interruption, in words."""
        if self.root is None:
            return "nothing is kept; with a folder named by --work it could be continued"
        return f"finished work is kept in {self.root}; the same command continues from there"

    def clear(self) -> None:
        """Forget everything."""
        if self.root is not None:
            shutil.rmtree(self.root, ignore_errors=True)

    def tidy(self) -> None:
        """Forget what has not been touched for `KEPT_DAYS`."""
        if self.root is None or not self.root.is_dir():
            return
        for folder in self.root.iterdir():
            if folder.is_dir() and time.time() - _touched(folder) > KEPT_DAYS * 86_400:
                shutil.rmtree(folder, ignore_errors=True)


def keep(checkpoints: Checkpoints, fitted: Fitted, seconds: float) -> None:
    """Keep a finished fit, which took so long."""
    checkpoints.write(TENSORS, save({name: np.ascontiguousarray(each) for name, each in fitted.tensors.items()}))
    if fitted.onnx is not None:
        checkpoints.write(ONNX, fitted.onnx)
    told = {
        "importance": dict(fitted.importance),
        "settings": dict(fitted.settings),
        "members": dict(fitted.members),
        "seconds": seconds,
    }
    # It comes last: without it the fit is not finished.
    checkpoints.write(FITTED, json.dumps(told).encode())


def kept(checkpoints: Checkpoints) -> tuple[Fitted, float] | None:
    """A finished fit and how long it took; None where there is none."""
    told, tensors = checkpoints.read(FITTED), checkpoints.read(TENSORS)
    if told is None or tensors is None:
        return None
    about: dict[str, Any] = json.loads(told)
    fitted = Fitted(
        tensors=load(tensors),
        onnx=checkpoints.read(ONNX),
        importance=about["importance"],
        settings=about["settings"],
        members=about["members"],
    )
    return fitted, float(about["seconds"])


def digest(fitted: Fitted) -> str:
    """SHA-256 of what was fitted."""
    found = sha256(save({name: np.ascontiguousarray(each) for name, each in fitted.tensors.items()}))
    found.update(fitted.onnx or b"")
    return found.hexdigest()


def fingerprint(key: Mapping[str, Any]) -> str:
    """SHA-256 of a JSON value, whatever the order of its names."""
    return sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()


def _touched(folder: Path) -> float:
    return max((file.stat().st_mtime for file in folder.iterdir()), default=folder.stat().st_mtime)
