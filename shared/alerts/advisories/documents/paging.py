"""The pages of a feed as one document, and whether they are all of it. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from shared.alerts.advisories.documents.draft import Extent, Parsed, Rejected, UnreadableAdvisoriesError
from shared.alerts.advisories.documents.extent import extent_of_json, extent_of_xml
from shared.alerts.advisories.documents.formats.reading import read_json
from shared.alerts.advisories.documents.formats.xml import is_xml, read_xml


def next_url(data: bytes) -> str | None:
    """Where the feed of a document goes on, as the document writes it; `None` where it does not say, or is damaged."""
    try:
        return (extent_of_xml(read_xml(data)) if is_xml(data) else extent_of_json(read_json(data))).next_url
    except UnreadableAdvisoriesError:
        return None


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
        f"it is not the first page: {extent.before}" if extent.before and not extent.skipped else None,
        f"it has {merged.features:,} of {total:,} features" if merged.features < total - extent.skipped else None,
        _more(pages) if left is None else None,
        f"its headers say that there is more: {pages[-1][1].goes_on}" if pages[-1][1].goes_on and not left else None,
        f"{nameless:,} of its features have no id that can be read" if nameless else None,
    )
    return replace(merged, partial="; ".join(filter(None, reasons)) or None)


def _more(pages: Sequence[tuple[Parsed, Extent]]) -> str | None:
    """Which sign of more there is, beside an address of the next page."""
    unfollowed = [(page, extent) for page, extent in pages if extent.next_url is None]
    for page, extent in unfollowed:
        if extent.more is not None:
            return f"it says that there is more: {extent.more}"
        if (extent.pages or 0) > len(pages):
            return f"it is one of {extent.pages:,} pages"
        if extent.limit is not None and page.features >= extent.limit > 0:
            return f"it is full, with {page.features:,} features, and does not say that it is the last page"
    return None
