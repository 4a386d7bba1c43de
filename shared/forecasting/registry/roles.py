"""Which model of a network is its champion: `champion.json` in the archive."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.archive.layout import champion_path
from shared.archive.port import Archive
from shared.events.errors import ConfigurationError, ModelError
from shared.events.records import NetworkId

MOST_KEPT = 20
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Champion:
    """A model that was made to serve.

    Attributes:
        model_name: of `PREFERRED`.
        version: this one whatever comes after it; `None` is always the newest.
        since: when it was promoted (aware).
        reason: by whom or why, for people.
    """

    model_name: str
    version: str | None
    since: datetime
    reason: str


def champions(archive: Archive, network_id: NetworkId) -> Sequence[Champion]:
    """All that were promoted, the current one first; none where nobody has chosen.

    Raises:
        ArchiveError: the archive does not answer.
        ModelError: the file is damaged.
    """
    path = champion_path(network_id)
    if not any(found.path == path for found in archive.list(path.rpartition("/")[0])):
        return ()
    return parse_champions(archive.read(path))


def parse_champions(content: bytes) -> Sequence[Champion]:
    """What `champion.json` says; raises `ModelError` where it is damaged."""
    try:
        return tuple(
            Champion(
                model_name=str(each["model_name"]),
                version=None if each["version"] is None else str(each["version"]),
                since=datetime.fromisoformat(each["since"]),
                reason=str(each["reason"]),
            )
            for each in json.loads(content)["champions"]
        )
    except (ValueError, TypeError, KeyError, RecursionError) as damaged:
        raise ModelError(f"champion.json is damaged: {damaged!r}") from damaged


def promote(archive: Archive, network_id: NetworkId, champion: Champion) -> None:
    """Make a model serve from the next look into the archive on; raises `ArchiveError`.

    The caller checks that there is such a model: a champion that cannot be loaded is passed over by the predictor.
    """
    try:
        before = champions(archive, network_id)
    except ModelError:
        before = ()
    _write(archive, network_id, [champion, *before][:MOST_KEPT])


def roll_back(archive: Archive, network_id: NetworkId) -> Champion | None:
    """Undo the last promotion; returns the champion that serves again, `None` where the choice is nobody's again.

    Raises:
        ConfigurationError: there was no promotion.
        ArchiveError: the archive does not answer.
        ModelError: the file is damaged.
    """
    before = champions(archive, network_id)
    if not before:
        raise ConfigurationError(f"network {network_id}: no model was promoted")
    _write(archive, network_id, before[1:])
    return before[1] if len(before) > 1 else None


def _write(archive: Archive, network_id: NetworkId, all_of_them: Sequence[Champion]) -> None:
    listed = [
        {
            "model_name": each.model_name,
            "version": each.version,
            "since": each.since.isoformat(),
            "reason": each.reason,
        }
        for each in all_of_them
    ]
    content = json.dumps({"format": FORMAT, "champions": listed}, indent=1)
    archive.write(champion_path(network_id), content.encode())
