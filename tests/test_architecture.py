"""The rules of the house that no linter knows."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.events.topics import TOPICS
from tests.kit.places import ROOT

MAX_LINES = 400
"""Cohesion comes first: a module is split where it has two jobs. This only stops what nobody can oversee."""
PACKAGES = ("metrla", "services", "shared")


def modules() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def literals(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_stays_readable(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES, "split it"


def test_topic_names_stand_in_one_place() -> None:
    names = {topic.name for topic in TOPICS} - {"traffic-events"}
    strays = {
        f"{path.relative_to(ROOT)}: {text}"
        for path in modules()
        if path != ROOT / "shared/events/topics.py"
        for text in literals(path)
        if text in names
    }
    assert not strays


def test_metric_names_stand_in_one_place() -> None:
    # The launcher reads metrics as any scraper does, by name.
    allowed = {ROOT / "shared/runtime/metrics.py", ROOT / "metrla/local/launcher/figures.py"}
    services = re.compile(r"^metrla_(ingest|predictor|alert_detector|gateway)_")
    strays = {
        f"{path.relative_to(ROOT)}: {text}"
        for path in modules()
        if path not in allowed
        for text in literals(path)
        if services.match(text)
    }
    assert not strays


def test_the_lock_file_names_no_index() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links|--trusted-host", lock)
