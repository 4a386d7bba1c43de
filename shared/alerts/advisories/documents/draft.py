"""What a document says before it is matched to a network, and what is wrong with the rest of it. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shapely.geometry.base import BaseGeometry

from shared.alerts.advisories.documents.roads import Road
from shared.events.errors import MetrlaError
from shared.events.limits import MAX_DESCRIPTION_CHARACTERS, MAX_SOURCE_CHARACTERS, MAX_TITLE_CHARACTERS
from shared.events.quantities import in_span
from shared.events.records import AdvisoryType, AlertSeverity
from shared.events.text import MAX_DERIVED_ID_CHARACTERS, cleaned, composed, cut, fault_of

MAX_REASON_BYTES = 600


class DocumentFormat(StrEnum):
    """The published formats that are read."""

    WZDX = "wzdx"
    OPEN511 = "open511"
    CAP = "cap"
    NWS = "nws"
    LCS = "lcs"
    CHP = "chp"
    DATEX2 = "datex2"
    CIFS = "cifs"


class UnreadableAdvisoriesError(MetrlaError):
    """A document is none of the formats as a whole, so nothing in it can be accounted for."""


@dataclass(frozen=True, slots=True)
class Draft:
    """One advisory as its publisher says it, before it has sensors.

    `index` is its place in the document, from 0. `scope` keeps the ids of different publishers apart, `publisher_id` is
    the publisher's id of this message and `chain_id` that of its first one, which names the advisory all its life.
    `supersedes` holds the publisher's ids of earlier messages. `geometry` is in degrees (longitude, latitude) and is
    `None` only where `withdrawn`. `roads` are the roads that it names; none: every road that the geometry touches.

    Whatever a publisher writes, it can be stored and shown: what is to be read is cleaned (`shared.events.text`) and
    cut. An id is not cleaned, for two of them might become one.

    Raises:
        ValueError: an id is too long or not printable, or a time is one that cannot be meant.
    """

    index: int
    scope: str
    publisher_id: str
    chain_id: str
    advisory_type: AdvisoryType
    title: str
    description: str
    severity: AlertSeverity
    starts_at: datetime
    ends_at: datetime | None
    geometry: BaseGeometry | None
    source: str
    roads: tuple[Road, ...] = ()
    updated_at: datetime | None = None
    withdrawn: bool = False
    supersedes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for text in (self.publisher_id, self.chain_id, *self.supersedes):
            fault = fault_of(text, MAX_DERIVED_ID_CHARACTERS, is_id=True)
            if fault is not None:
                raise ValueError(f"id: it {fault}")
        for time in (self.starts_at, self.ends_at, self.updated_at):
            if time is not None:
                in_span(time)
        clean = {
            "publisher_id": composed(self.publisher_id),
            "chain_id": composed(self.chain_id),
            "supersedes": tuple(map(composed, self.supersedes)),
            "title": cleaned(self.title, MAX_TITLE_CHARACTERS),
            "description": cleaned(self.description, MAX_DESCRIPTION_CHARACTERS, prose=True),
            "source": cleaned(self.source, MAX_SOURCE_CHARACTERS),
        }
        for name, value in clean.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True, slots=True)
class Rejected:
    """One feature that cannot be used: its place, its id where it has one, and why; both as they can be shown."""

    index: int
    publisher_id: str | None
    reason: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", cut(self.reason, MAX_REASON_BYTES))
        if self.publisher_id is not None:
            object.__setattr__(self, "publisher_id", cut(self.publisher_id, 4 * MAX_DERIVED_ID_CHARACTERS))


@dataclass(frozen=True, slots=True)
class Unread:
    """What a feature says that its reader has no place for: names of fields, with dots into what holds them."""

    index: int
    publisher_id: str | None
    fields: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", tuple(cut(name, MAX_REASON_BYTES) for name in self.fields))
        if self.publisher_id is not None:
            object.__setattr__(self, "publisher_id", cut(self.publisher_id, 4 * MAX_DERIVED_ID_CHARACTERS))


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of a feed a document says that it holds.

    `next_url` is where the feed goes on, as the document writes it. `skipped` features are before this document,
    `total` are in the whole feed, in `pages` documents of `limit` features at most, where it says so. `more` is how it
    says that there is more without saying where, `before` that there are pages before it,
    and `goes_on` how the headers that it came with say that there is more, without saying where.
    """

    next_url: str | None = None
    skipped: int = 0
    total: int | None = None
    more: str | None = None
    pages: int | None = None
    limit: int | None = None
    before: str | None = None
    goes_on: str | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """All of a document: every feature is among the drafts or the rejected, by its index.

    A feature that holds at several times has a draft for each. `unread` is what the drafts leave out of what their
    features say. `partial` says why the document is not the whole feed, `None` where nothing tells that it is not.
    """

    format: DocumentFormat
    features: int
    drafts: tuple[Draft, ...]
    rejected: tuple[Rejected, ...]
    unread: tuple[Unread, ...] = ()
    partial: str | None = None
