"""The nested parts of an alert as JSON, alike in every store: objects by field name, instants ISO 8601. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from shared.events.records import AlertAction, AlertActionKind, AlertEvidence, MeasuredWindow

Json = dict[str, Any]


def iso_instant(value: datetime) -> str:
    """An instant in UTC to the millisecond, as 2012-05-02T07:00:00.000Z; raises `TypeError` where it has no zone."""
    if value.tzinfo is None:
        raise TypeError(f"{value} has no zone")
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def evidence_json(evidence: AlertEvidence) -> Json:
    """The object of one entry."""
    windows = [asdict(window) | {"window_end": iso_instant(window.window_end)} for window in evidence.windows]
    return asdict(evidence) | {"windows": windows}


def evidence_of(entries: Sequence[Mapping[str, Any]]) -> tuple[AlertEvidence, ...]:
    """The entries of their objects."""
    return tuple(AlertEvidence(**{**entry, "windows": tuple(map(_window, entry["windows"]))}) for entry in entries)


def action_json(action: AlertAction) -> Json:
    """The object of one action."""
    return asdict(action) | {"at": iso_instant(action.at)}


def actions_of(entries: Sequence[Mapping[str, Any]]) -> tuple[AlertAction, ...]:
    """The actions of their objects."""
    return tuple(
        AlertAction(**{**entry, "kind": AlertActionKind(entry["kind"]), "at": datetime.fromisoformat(entry["at"])})
        for entry in entries
    )


def _window(entry: Mapping[str, Any]) -> MeasuredWindow:
    return MeasuredWindow(**{**entry, "window_end": datetime.fromisoformat(entry["window_end"])})
