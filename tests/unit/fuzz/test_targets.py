"""A few seconds of what `make fuzz` does for an hour: hostile inputs for every decoder and reader."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.catalogue import TARGETS
from tests.fuzz.gateway import close_world
from tests.fuzz.hunt import Hunt, case_of, failure, hunt
from tests.fuzz.mutation import HOSTILE, anything
from tests.fuzz.target import Target

SEED = 11
AWAITED: dict[str, str] = {}
"""Targets that are known to fail, and what has to be mended first."""


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    yield
    close_world()


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_makes_it_raise_or_accept_what_cannot_be_kept(name: str, request: pytest.FixtureRequest) -> None:
    if name in AWAITED:
        request.applymarker(pytest.mark.xfail(reason=AWAITED[name], strict=False))
    one = Hunt(TARGETS[name])
    one.round(SEED, TARGETS[name].examples, time.monotonic() + 60.0)
    assert not one.findings, "\n".join(finding.text() for finding in one.findings.values())
    assert one.tried >= TARGETS[name].examples // 2


def _refuse_nul(text: str) -> None:
    if "\0" in text:
        raise OverflowError("a NUL")
    assert "x" not in text, "an x: somewhere"


def test_a_hunt_finds_each_kind_of_failure_with_its_smallest_input(tmp_path: Path) -> None:
    target = Target("toy", st.text(st.sampled_from("ax\0")), _refuse_nul)
    found = hunt([target], 2.0, tmp_path, lambda _: None)
    assert {(finding.kind, finding.case) for finding in found} == {
        ("OverflowError: a NUL", "\0"),
        ("AssertionError: an x", "x"),
    }
    assert list(tmp_path.iterdir()), "nothing is kept for the next time"


def test_the_file_of_a_finding_gives_its_input_back() -> None:
    finding = failure(Target("toy", st.none(), _refuse_nul), "a\0\ninput:\nβ")
    assert finding is not None
    assert case_of(finding.text()) == ("toy", "a\0\ninput:\nβ")


@given(st.data())
def test_what_is_drawn_may_be_changed(data: st.DataObject) -> None:
    """Put into itself, a value that all draws share would make the next ones endless."""
    drawn = data.draw(anything)
    if isinstance(drawn, list):
        drawn.append(drawn)
    assert not any(one is drawn for one in HOSTILE if isinstance(one, list | dict))
