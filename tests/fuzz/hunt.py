"""Tries targets with ever new inputs for a time, and keeps each kind of failure with its smallest input."""

import ast
import hashlib
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase
from hypothesis.errors import HypothesisException, HypothesisWarning

from tests.fuzz.target import Target
from tests.kit.places import ROOT

PRODUCT = ("metrla", "services", "shared")
EXAMPLES_A_ROUND = 500
LEAST_TURN_S = 1.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of failure of a target: the smallest input that shows it, and what was raised."""

    target: str
    kind: str
    case: Any
    told: str

    @property
    def name(self) -> str:
        """Of its file: the same for the same kind."""
        return f"{self.target}-{hashlib.sha256(self.kind.encode()).hexdigest()[:8]}.txt"

    def text(self) -> str:
        """The file: target, kind, traceback, and at its end the input as a literal of Python."""
        return f"target: {self.target}\nkind: {self.kind}\n\n{self.told}\ninput:\n{self.case!r}\n"


def case_of(text: str) -> tuple[str, Any]:
    """Target and input of a finding's file."""
    head, _, case = text.rpartition("\ninput:\n")
    return head.splitlines()[0].removeprefix("target: "), ast.literal_eval(case)


@dataclass(slots=True)
class Hunt:
    """One target: what was tried and found. A kind that was found once stops no further search."""

    target: Target
    database: ExampleDatabase | None = None
    tried: int = 0
    findings: dict[str, Finding] = field(default_factory=dict)
    _smallest: Finding | None = None

    def round(self, number: int, examples: int, until_s: float) -> None:
        """Try `examples` inputs, or fewer where `until_s` of the monotonic clock comes first."""

        @settings(
            max_examples=examples,
            deadline=None,
            database=self.database,
            print_blob=False,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )
        @seed(number)
        @given(case=self.target.inputs)
        def attempt(case: Any) -> None:  # noqa: ANN401 - whatever the target takes
            if time.monotonic() < until_s:
                self._try(case)

        attempt.hypothesis.inner_test.__qualname__ = f"fuzz-{self.target.name}"  # type: ignore[attr-defined]
        self._smallest = None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", HypothesisWarning)
                attempt()
        except HypothesisException:
            if self._smallest is None:
                raise
        except Exception:
            if self._smallest is None:
                raise
        self._keep(self._smallest)

    def _keep(self, found: Finding | None) -> None:
        if found is not None:
            self.findings[found.kind] = found

    def _try(self, case: Any) -> None:  # noqa: ANN401 - likewise
        self.tried += 1
        found = failure(self.target, case)
        if found is not None and found.kind not in self.findings:
            if self._smallest is None or self._smallest.kind == found.kind:
                self._smallest = found
            raise AssertionError(found.kind)


def failure(target: Target, case: Any) -> Finding | None:  # noqa: ANN401 - likewise
    """What a target does wrong with an input, if anything."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            target.check(case)
    except Exception as wrong:  # noqa: BLE001 - whatever comes is a finding
        return Finding(target.name, _kind(wrong), case, "".join(traceback.format_exception(wrong)))
    return None


def _kind(wrong: BaseException) -> str:
    """The type of what was raised, and the last line of the product that it passed; else what was demanded."""
    frames = [
        frame
        for frame in traceback.extract_tb(wrong.__traceback__)
        if Path(frame.filename).is_relative_to(ROOT) and Path(frame.filename).relative_to(ROOT).parts[0] in PRODUCT
    ]
    if isinstance(wrong, AssertionError) or not frames:
        return f"{type(wrong).__name__}: {str(wrong).partition(':')[0]:.80}"
    last = frames[-1]
    return f"{type(wrong).__name__} at {Path(last.filename).relative_to(ROOT)}, in {last.name}"


def hunt(
    targets: list[Target], seconds: float, corpus: Path, announce: Callable[[str], None], first_seed: int = 0
) -> list[Finding]:
    """Take turns among targets for `seconds`; inputs that failed are kept in `corpus` and tried first the next time."""
    hunts = [Hunt(target, DirectoryBasedExampleDatabase(corpus / target.name)) for target in targets]
    end = time.monotonic() + seconds
    number = first_seed
    while time.monotonic() < end:
        for one in hunts:
            known = set(one.findings)
            left = end - time.monotonic()
            if left <= 0:
                break
            # To make a failing input small may take long; the others are to have their turn.
            one.round(number, EXAMPLES_A_ROUND, time.monotonic() + min(left, max(LEAST_TURN_S, left / len(hunts))))
            for kind in one.findings.keys() - known:
                announce(f"{one.target.name}: {kind}")
        number += 1
    for one in hunts:
        announce(f"{one.target.name}: {one.tried:,} inputs, {len(one.findings)} kinds of failure")
    return [finding for one in hunts for finding in one.findings.values()]
