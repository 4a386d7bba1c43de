"""What came of importing documents, for people and for programs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from metrla.cli.tables import plain_table, print_tables
from metrla.terminal import say
from shared.alerts.advisories.documents.importing import ImportResult
from shared.runtime.metrics import AdvisoryMetrics

SHOWN, SHOWN_FIELDS = 20, 6
NOTHING_WITHDRAWN = "Nothing was withdrawn for being left out"


@dataclass(frozen=True, slots=True)
class Imported:
    """One document: what became of it, or why it could not be read at all."""

    place: str
    outcome: ImportResult | None
    fault: str | None = None


def as_json(imported: Sequence[Imported]) -> list[Mapping[str, Any]]:
    """One object per document."""
    return [_document(each) for each in imported]


def _document(each: Imported) -> Mapping[str, Any]:
    outcome = each.outcome
    if outcome is None:
        return {"source": each.place, "error": each.fault}
    return {
        "source": each.place,
        "format": outcome.format,
        "features": outcome.features,
        "advisories": len(outcome.advisories),
        "published": outcome.new,
        "unchanged": outcome.unchanged,
        "withdrawn": outcome.withdrawn,
        "stale": outcome.stale,
        "superseded": outcome.superseded,
        "rejected": [asdict(rejected) for rejected in outcome.rejected],
        "unmatched": [asdict(unmatched) for unmatched in outcome.unmatched],
        "unread": [asdict(unread) for unread in outcome.unread],
        "partial": outcome.partial,
        "advisory_ids": [advisory.advisory_id for advisory in outcome.advisories],
    }


def print_report(imported: Sequence[Imported], *, dry_run: bool, verbose: bool = False) -> None:
    """Print a table of the documents, then the features that were not published, and why."""
    published = "to publish" if dry_run else "published"
    numbers_of = ("features", "advisories", published, "unchanged", "withdrawn", "stale", "rejected", "unmatched")
    table = plain_table(("source", "format", *numbers_of), right=numbers_of)
    for each in imported:
        if (outcome := each.outcome) is not None:
            numbers = (
                outcome.features, len(outcome.advisories), outcome.new, outcome.unchanged, outcome.withdrawn,
                outcome.stale, len(outcome.rejected), len(outcome.unmatched),
            )  # fmt: skip
            table.add_row(each.place, outcome.format, *(f"{number:,}" for number in numbers))
    if table.row_count:
        print_tables(table, wide=True)
    for each in imported:
        if each.outcome is None:
            say(f"{each.place}: {each.fault}", err=True)
            continue
        _print_some(each.place, "rejected", [
            f"feature {rejected.index} ({rejected.publisher_id or 'no id'}): {rejected.reason}"
            for rejected in each.outcome.rejected
        ])  # fmt: skip
        _print_some(each.place, "affect no sensor of the network", [
            f"feature {unmatched.index} ({unmatched.publisher_id}): {unmatched.title}"
            for unmatched in each.outcome.unmatched
        ])  # fmt: skip
        if each.outcome.unread:
            say(f"\n{each.place}: {_unread(each.outcome)}{'' if verbose else '; --verbose lists them'}")
        if verbose:
            print_features(each.outcome)
        if each.outcome.partial:
            say(f"\n{each.place}: not the whole feed: {each.outcome.partial}. {NOTHING_WITHDRAWN}", err=True)


def print_features(outcome: ImportResult) -> None:
    """Print for every feature that says more than is read what that is."""
    for unread in outcome.unread:
        say(f"  feature {unread.index} ({unread.publisher_id or 'no id'}) also says {', '.join(unread.fields)}")


def count(metrics: AdvisoryMetrics, outcome: ImportResult) -> None:
    """Set the figures of a feed that is watched."""
    metrics.features.set(outcome.features)
    metrics.rejected.set(len(outcome.rejected))
    metrics.unmatched.set(len(outcome.unmatched))
    metrics.unread.set(len(outcome.unread))
    metrics.partial.set(outcome.partial is not None)
    metrics.published.inc(outcome.new)
    metrics.withdrawn.inc(outcome.withdrawn)


def _unread(outcome: ImportResult) -> str:
    fields = Counter(field for unread in outcome.unread for field in unread.fields)
    most = ", ".join(field for field, _ in fields.most_common(SHOWN_FIELDS))
    more = "" if len(fields) <= SHOWN_FIELDS else f" and {len(fields) - SHOWN_FIELDS:,} more"
    return f"{len(outcome.unread):,} features say more than is read ({most}{more})"


def summary(outcome: ImportResult) -> str:
    """One line for a feed that is watched."""
    kinds = Counter(change.advisory_type for change in outcome.changes if not change.withdrawn)
    news = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "nothing new"
    more = f"; {_unread(outcome)}" if outcome.unread else ""
    partial = f"; not the whole feed: {outcome.partial}. {NOTHING_WITHDRAWN}" if outcome.partial else ""
    return (
        f"{outcome.features:,} features: {news}, {outcome.unchanged:,} unchanged, {outcome.withdrawn:,} withdrawn, "
        f"{len(outcome.rejected):,} rejected, {len(outcome.unmatched):,} affect no sensor{more}{partial}"
    )


def _print_some(place: str, what: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    say(f"\n{place}: {len(lines):,} {what}")
    for line in lines[:SHOWN]:
        say(f"  {line}")
    if len(lines) > SHOWN:
        say(f"  … and {len(lines) - SHOWN:,} more: --json lists all")
