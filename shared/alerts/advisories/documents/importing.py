"""A document's drafts into records for the log: matched, compared with what the log has. Pure.

Ids derive from format, network and the publisher's own id, so the same document gives the same advisories however often
it is imported. What the log has is looked at to leave out what has not changed, to refuse what is older, to
continue a chain of messages, and to take back what the publisher has taken back.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.alerts.advisories.documents.draft import DocumentFormat, Draft, Parsed, Rejected, Unread
from shared.alerts.advisories.documents.formats.reading import UNUSABLE, reason_of
from shared.alerts.advisories.documents.matching import Matcher
from shared.events.errors import RejectedEventError
from shared.events.limits import MAX_FEED_CHARACTERS
from shared.events.present import require_present
from shared.events.records import AdvisoryId, NetworkId, SensorId, TrafficAdvisory
from shared.events.text import cleaned

SLUG_LENGTH, DIGEST_LENGTH = 40, 10
_UNSAFE = re.compile(r"[^A-Za-z0-9._@-]+")

KnownAdvisories = Mapping[AdvisoryId, TrafficAdvisory]


@dataclass(frozen=True, slots=True)
class Unmatched:
    """An advisory that touches no sensor of any network."""

    index: int
    publisher_id: str
    title: str


@dataclass(slots=True)
class ImportResult:
    """What becomes of a document. `advisories` is what it says, `changes` what of it the log does not have yet.

    `withdrawn` are the changes that take an advisory back; `stale` counts those older than what is on the log,
    `superseded` those that another message of the same document replaces. `unread` is what features say beyond what is
    read. `partial` says why the document is not its whole feed; then nothing is taken back for being left out.
    """

    format: DocumentFormat
    features: int
    rejected: tuple[Rejected, ...]
    unread: tuple[Unread, ...] = ()
    partial: str | None = None
    advisories: list[TrafficAdvisory] = field(default_factory=list)
    changes: list[TrafficAdvisory] = field(default_factory=list)
    unmatched: list[Unmatched] = field(default_factory=list)
    withdrawn: int = 0
    unchanged: int = 0
    stale: int = 0
    superseded: int = 0

    @property
    def new(self) -> int:
        """Changes that do not take anything back."""
        return len(self.changes) - self.withdrawn


def prepare(
    parsed: Parsed,
    matchers: Sequence[Matcher],
    known_advisories: KnownAdvisories,
    feed: str = "",
    *,
    complete: bool = False,
    now: datetime | None = None,
) -> ImportResult:
    """Compare a document with the log.

    Args:
        parsed: the document.
        matchers: of the networks; an advisory that touches several becomes a record for each.
        known_advisories: the advisories on the log, those withdrawn as well.
        feed: address or name of the feed that the document is from.
        complete: the document is all that the feed holds: what it published before and no longer has is taken back,
            unless the document itself says that it is only a part.
        now: wall time; what is dated further ahead of it than can be meant is rejected. `None`: nothing is.
    """
    outcome = ImportResult(parsed.format, parsed.features, parsed.rejected, parsed.unread, parsed.partial)
    unplaced: list[Rejected] = []
    replaced = {earlier for draft in parsed.drafts for earlier in draft.supersedes}
    by_message = {
        (known.network_id, known.publisher_id): known for known in known_advisories.values() if known.publisher_id
    }
    networks = {matcher.network.network_id for matcher in matchers}
    taken: set[AdvisoryId] = set()
    for draft in parsed.drafts:
        if draft.publisher_id in replaced:
            outcome.superseded += 1
            continue
        touched = False
        for matcher in matchers:
            network_id = matcher.network.network_id
            advisory_id = _id_of(parsed.format, network_id, draft, by_message, taken)
            if draft.withdrawn:
                taken.add(advisory_id)
                _take_back(outcome, draft, known_advisories.get(advisory_id))
                continue
            try:
                record = _matched(draft, advisory_id, matcher, feed)
                if record is not None and now is not None:
                    require_present(record, now)
            except (*UNUSABLE, RejectedEventError) as wrong:
                # A place that was read and that the geometry library does not get along with, or a time in the future.
                unplaced.append(Rejected(draft.index, draft.publisher_id, reason_of(wrong)))
                touched = True
                taken.add(advisory_id)
                continue
            if record is not None:
                touched = True
                taken.add(advisory_id)
                _compare(outcome, record, known_advisories.get(advisory_id))
        if not touched and not draft.withdrawn:
            outcome.unmatched.append(Unmatched(draft.index, draft.publisher_id, draft.title))
    outcome.rejected += tuple(unplaced)
    mine = [
        known for known in known_advisories.values() if known.network_id in networks and known.advisory_id not in taken
    ]
    for known in _gone(mine, parsed, replaced, feed, complete=complete):
        outcome.changes.append(take_back(known))
        outcome.withdrawn += 1
    return outcome


def id_for(form: str, network_id: NetworkId, scope: str, publisher_id: str) -> AdvisoryId:
    """The id that an advisory has for all its life: readable, and distinct where the publisher's ids are."""
    digest = hashlib.sha256(f"{scope}\0{publisher_id}".encode("utf-8", "surrogatepass")).hexdigest()
    slug = _UNSAFE.sub("-", publisher_id)[-SLUG_LENGTH:].strip("-.")
    return AdvisoryId("-".join(filter(None, (form, network_id, slug, digest[:DIGEST_LENGTH]))))


def take_back(known: TrafficAdvisory) -> TrafficAdvisory:
    """The record that withdraws an advisory."""
    return replace(known, withdrawn=True)


def _id_of(
    form: DocumentFormat,
    network_id: NetworkId,
    draft: Draft,
    by_message: Mapping[tuple[NetworkId, str], TrafficAdvisory],
    taken: Collection[AdvisoryId],
) -> AdvisoryId:
    """That of the message it continues, where the log has it; else its chain's; its own where a chain has split."""
    continued = [by_message[network_id, earlier] for earlier in draft.supersedes if (network_id, earlier) in by_message]
    candidates = [
        *(known.advisory_id for known in continued),
        id_for(form, network_id, draft.scope, draft.chain_id),
        id_for(form, network_id, draft.scope, draft.publisher_id),
    ]
    return next((candidate for candidate in candidates if candidate not in taken), candidates[-1])


def _matched(draft: Draft, id_: AdvisoryId, matcher: Matcher, feed: str) -> TrafficAdvisory | None:
    """The record of a draft in one network, `None` where it touches none of its sensors."""
    sensors = matcher.match(draft)
    return _record(draft, id_, matcher.network.network_id, sensors, feed) if sensors else None


def _record(
    draft: Draft, id_: AdvisoryId, network_id: NetworkId, sensors: Sequence[SensorId], feed: str
) -> TrafficAdvisory:
    middle = None if draft.geometry is None else draft.geometry.representative_point()
    return TrafficAdvisory(
        advisory_id=id_,
        network_id=network_id,
        advisory_type=draft.advisory_type,
        title=draft.title,
        description=draft.description,
        severity=draft.severity,
        starts_at=whole_ms(draft.starts_at),
        ends_at=None if draft.ends_at is None else whole_ms(draft.ends_at),
        affected_sensors=tuple(sensors),
        latitude=None if middle is None else round(middle.y, 6),
        longitude=None if middle is None else round(middle.x, 6),
        source=draft.source,
        withdrawn=draft.withdrawn,
        updated_at=None if draft.updated_at is None else whole_ms(draft.updated_at),
        publisher_id=draft.publisher_id,
        feed=cleaned(feed, MAX_FEED_CHARACTERS),
    )


def whole_ms(time: datetime) -> datetime:
    """As the log keeps it, so that what was read back compares equal."""
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def _compare(outcome: ImportResult, record: TrafficAdvisory, known: TrafficAdvisory | None) -> None:
    outcome.advisories.append(record)
    if known is None:
        outcome.changes.append(record)
    elif known.updated_at and record.updated_at and record.updated_at < known.updated_at:
        outcome.stale += 1
    elif replace(record, updated_at=known.updated_at) == known:
        # A publisher that only confirms what the log has, every minute, says nothing new.
        outcome.unchanged += 1
    else:
        outcome.changes.append(record)


def _take_back(outcome: ImportResult, draft: Draft, known: TrafficAdvisory | None) -> None:
    if known is None:
        return
    if known.withdrawn:
        outcome.unchanged += 1
    elif known.updated_at and draft.updated_at and draft.updated_at < known.updated_at:
        outcome.stale += 1
    else:
        outcome.changes.append(replace(take_back(known), updated_at=draft.updated_at or known.updated_at))
        outcome.withdrawn += 1


def _gone(
    candidates: Iterable[TrafficAdvisory], parsed: Parsed, replaced: Collection[str], feed: str, *, complete: bool
) -> Iterable[TrafficAdvisory]:
    """What other messages replaced, what the feed no longer holds, and times that a schedule no longer has."""
    damaged = {rejected.publisher_id for rejected in parsed.rejected}
    said = {(draft.publisher_id, draft.source) for draft in parsed.drafts}
    for known in candidates:
        if known.withdrawn or known.publisher_id in damaged:
            continue
        same_form = known.advisory_id.startswith(f"{parsed.format}-{known.network_id}-")
        moved = same_form and known.feed == feed and (known.publisher_id, known.source) in said
        left_out = complete and parsed.partial is None and bool(feed) and known.feed == feed
        if moved or left_out or (same_form and known.publisher_id in replaced):
            yield known
