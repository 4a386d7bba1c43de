"""The two trips that the page on architecture tells, in ten lines each: what they name is in the code."""

import ast
import re
from collections import defaultdict
from collections.abc import Mapping

import pytest

from tests.kit.places import ROOT

HEADING = re.compile(r"^### (.+), from `app.py` downwards$", re.MULTILINE)
SPAN = re.compile(r"`([^`\n]+)`")
TRIPS = ("A step of the predictor", "An alert's trip")


def trips() -> Mapping[str, str]:
    """Text by heading."""
    _, *parts = HEADING.split((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))
    return {name: text.split("\n#")[0] for name, text in zip(parts[::2], parts[1::2], strict=True)}


def defined() -> Mapping[str, set[str]]:
    """Names of methods and fields by class; those of classes and functions by an empty name."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in (file for room in ("services", "shared") for file in (ROOT / room).rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                found[""].add(node.name)
            if isinstance(node, ast.ClassDef):
                for inner in node.body:
                    if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                        found[node.name].add(inner.name)
                    elif isinstance(inner, ast.AnnAssign) and isinstance(inner.target, ast.Name):
                        found[node.name].add(inner.target.id)
    return found


def test_there_are_two_trips_of_ten_lines() -> None:
    assert set(trips()) == set(TRIPS)
    for text in trips().values():
        assert re.findall(r"^(\d+)\. ", text, re.MULTILINE) == [str(number) for number in range(1, 11)]


@pytest.mark.parametrize("trip", TRIPS)
def test_what_a_trip_names_is_in_the_code(trip: str) -> None:
    known = defined()
    anywhere = set().union(*known.values())
    named = [span for span in SPAN.findall(trips()[trip]) if "/" not in span]
    assert len(named) > 5
    for name in named:
        owner, _, member = name.rpartition(".")
        assert member in (known[owner] if owner else anywhere), name
