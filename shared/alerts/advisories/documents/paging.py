"""How much of a feed a document holds, and where the feed goes on. Pure.

Feeds are published in pages, and servers cut answers that are too long. Whoever takes a part for the whole would
withdraw what is in the other parts. So every sign of more is looked for, whatever the format:

    Open511                `pagination`: `next_url`, `offset`; in XML a `link` with `rel="next"` as well
    api.weather.gov        `pagination.next`
    OGC API, GeoServer     `links` with `rel` next; `numberMatched`, `totalFeatures`
    ArcGIS                 `exceededTransferLimit`
    Atom (lists of CAP)    `link` with `rel="next"`
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from xml.etree.ElementTree import Element

from shared.alerts.advisories.documents.draft import Extent, Parsed, Rejected, UnreadableAdvisoriesError
from shared.alerts.advisories.documents.formats.reading import read_json
from shared.alerts.advisories.documents.formats.xml import attribute, is_xml, parts, read_xml, told

TOTALS = ("numberMatched", "totalFeatures", "total_count", "totalCount")
NEXT = ("next_url", "next")
MOST = 10**9


def next_url(data: bytes) -> str | None:
    """Where the feed of a document goes on, as the document writes it; `None` where it does not say, or is damaged."""
    try:
        return (extent_of_xml(read_xml(data)) if is_xml(data) else extent_of_json(read_json(data))).next_url
    except UnreadableAdvisoriesError:
        return None


def extent_of_json(document: object) -> Extent:
    """What a JSON document says of how much of its feed it holds."""
    if not isinstance(document, Mapping):
        return Extent()
    pagination = document.get("pagination")
    pages = pagination if isinstance(pagination, Mapping) else {}
    properties = document.get("properties")
    held = (document, pages, properties if isinstance(properties, Mapping) else {})
    links = document.get("links")
    linked = [
        link.get("href") for link in (links if isinstance(links, list) else ())
        if isinstance(link, Mapping) and link.get("rel") == "next"
    ]  # fmt: skip
    return Extent(
        next_url=_first_text(*(pages.get(name) for name in NEXT), document.get("next"), *linked),
        skipped=_count(pages.get("offset")) or 0,
        total=max((count for name in TOTALS for place in held if (count := _count(place.get(name)))), default=None),
        cut=any(place.get("exceededTransferLimit") is True for place in held),
    )


def extent_of_xml(root: Element) -> Extent:
    """What an XML document says of how much of its feed it holds."""
    pages = next(parts(root, "pagination"), None)
    links = [
        *(attribute(link, "href") for link in parts(root, "link") if attribute(link, "rel") == "next"),
        *(attribute(link, "href") for link in parts(root, "pagination", "link") if attribute(link, "rel") == "next"),
    ]
    return Extent(
        next_url=_first_text(*(told(pages, name) for name in NEXT), *links),
        skipped=_count(told(pages, "offset")) or 0,
        total=max((count for name in TOTALS if (count := _count(attribute(root, name)))), default=None),
    )


def whole(pages: Sequence[tuple[Parsed, Extent]], left: str | None = None) -> Parsed:
    """The pages of a feed as one document, and whether they are all of it.

    A feature that an earlier page has as well, because the feed moved on while it was read, is taken from there.

    Args:
        pages: each with what it says of its extent; one at least, all of one format.
        left: why pages were left unread, where whoever fetched them knows.
    """
    first, extent = pages[0]
    merged = replace(first, drafts=(), rejected=(), unread=(), features=0)
    seen: set[str] = set()
    for page, _ in pages:
        before = merged.features
        drafts = [draft for draft in page.drafts if draft.publisher_id not in seen]
        twice = {draft.index: draft.publisher_id for draft in page.drafts if draft.publisher_id in seen}
        seen.update(draft.publisher_id for draft in drafts)
        rejected = [
            *page.rejected,
            *(Rejected(index, name, "id: an earlier page has it as well") for index, name in sorted(twice.items())),
        ]
        merged = replace(
            merged,
            features=before + page.features,
            drafts=(*merged.drafts, *(replace(draft, index=before + draft.index) for draft in drafts)),
            rejected=(*merged.rejected, *(replace(each, index=before + each.index) for each in rejected)),
            unread=(*merged.unread, *(replace(each, index=before + each.index) for each in page.unread)),
        )
    total = max((extent.total for _, extent in pages if extent.total), default=0)
    nameless = sum(each.publisher_id is None for each in merged.rejected)
    reasons = (
        left,
        "it goes on at another address" if pages[-1][1].next_url and left is None else None,
        f"it begins after {extent.skipped:,} features of the feed" if extent.skipped else None,
        f"it has {merged.features:,} of {total:,} features" if merged.features < total - extent.skipped else None,
        "its server left features out" if any(extent.cut for _, extent in pages) else None,
        f"{nameless:,} of its features have no id that can be read" if nameless else None,
    )
    return replace(merged, partial="; ".join(filter(None, reasons)) or None)


def _first_text(*values: object) -> str | None:
    return next((value.strip() for value in values if isinstance(value, str) and value.strip()), None)


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        number = int(value)
    except ValueError:
        return None
    return number if 0 < number <= MOST else None
