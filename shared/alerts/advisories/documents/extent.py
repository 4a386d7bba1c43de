"""What a document says of how much of its feed it holds, whatever the format. Pure.

Everybody writes pages in another way: Open511 `pagination.next_url`, api.weather.gov `pagination.next`, OGC API and
Atom links with `rel` next, HAL `_links.next.href`, JSON:API `links.next`, Django REST `count` and `next`, ArcGIS
`exceededTransferLimit`, tokens and cursors. So every sign of more is looked for around the features, by the words in
its name, whatever its case (`moreResultsAvailable`, `@odata.nextLink`, `X-Next-Page`); what is one and is not
understood makes the document a part: taking a part for the whole withdraws what is in the rest.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from xml.etree.ElementTree import Element

from shared.alerts.advisories.documents.draft import Extent
from shared.alerts.advisories.documents.formats.xml import attribute, parts

PLACES = frozenset({
    "pagination", "paging", "page", "pageinfo", "meta", "metadata", "link", "links", "properties",
    "responseinfo", "cursors", "response", "feedinfo", "roadeventfeedinfo", "summary",
})  # fmt: skip
"""Members of a document that speak of all of it; of these and what follows, the names in lower case."""
NEXT = ("next", "nexturl", "nextlink", "nexthref", "nextpage", "nextpageurl", "nextpagelink")
"""Ends of the names of an address where it goes on."""
AROUND = frozenset(["next", "more", "continuation", "continue", "cursor"])
"""Words in the name of what goes on: the address, the mark or the number of the next page, or that there is one."""
BROKEN_OFF = frozenset({
    "partial", "incomplete", "truncated", "exceeded", "error", "errors", "fault", "faults", "failed", "failure",
    "timeout", "warning", "warnings", "reached", "omitted", "remaining", "missing", "skipped",
})  # fmt: skip
"""Words that say, of the whole, that something of it is not there."""
NO_PAGES = frozenset(["update", "updated", "refresh", "publication", "expires", "time", "date", "at"])
"""Words that make of the next something else than a page."""
WHOLE = frozenset(["complete", "completed", "finished", "final", "last"])
"""Words in the name of a flag that says, where it is false, that more is to come."""
STATES = frozenset(["status", "state", "result", "completeness"])
TOTALS = frozenset(["total", "matched", "count", "hits", "numbermatched"])
HERE = frozenset({
    "returned", "page", "pages", "per", "size", "limit", "index", "current", "display", "displayed",
})  # fmt: skip
"""Words that make of a count one of something else than all features."""
PAGES = frozenset(["pages", "totalpages", "pagecount", "numpages", "lastpage", "pagetotal", "pagestotal"])
PAGE = frozenset(["page", "pagenumber", "pageno", "currentpage"])
LIMITS = frozenset(["limit", "perpage", "pagesize", "itemsperpage", "maxresults", "maxitems"])
OFFSETS = frozenset(["offset", "startindex", "skip", "start", "startat", "startrow", "startrecord"])
FIRSTS = frozenset(["from", "first", "firstrecord"])
"""Numbers of the first feature, counted from 1."""
BEFORE = frozenset(["prev", "previous"])
RANGES = frozenset(["range", "contentrange"])
URLS = ("href", "url", "link")
FALSE = frozenset({"", "false", "no", "0", "null", "none"})

MOST = 10**9
MOST_SIGNS = 1_000
DEEPEST = 3
MOST_SHOWN = 60
PAGING_HEADERS = frozenset({
    "content-range", "x-content-range", "x-total-count", "x-total", "x-total-pages", "x-page-count",
    "x-next-page", "x-next-cursor", "x-next-offset", "x-next-token", "x-continuation", "x-continuation-token",
    "x-has-more", "x-more", "x-offset", "x-partial", "x-truncated", "x-incomplete", "x-result-count",
    "x-cursor",
})  # fmt: skip
_ODD = re.compile(r"[^a-z0-9]")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_RANGE = re.compile(r"(?:\w+[ =]+)?(?P<first>\d{1,15})-(?P<last>\d{1,15})(?:/(?P<total>\d{1,15}|\*))?")
# Of names without any sign of where a word ends; as the words of the others are found one by one.
_RUN_TOGETHER = re.compile(
    r"next(?:url|link|href|page|token|cursor|offset|start|index|pageurl|pagelink|pagetoken|record)"
    r"|(?:has|is)?(?:more|next|truncated|partial|incomplete)(?:results|page|items|data|available)*"
    r"|exceededtransferlimit|endcursor|continuationtoken"
)


@dataclass(frozen=True, slots=True)
class _Sign:
    """A member that may speak of pages: its name as written, the same in lower case without punctuation, its value."""

    written: str
    name: str
    value: object

    @property
    def words(self) -> frozenset[str]:
        """The words of its name, in lower case."""
        return _words(self.written)


def extent_of_json(document: object) -> Extent:
    """Of a JSON document."""
    return _extent(islice(_signs(document), MOST_SIGNS))


def extent_of_xml(root: Element) -> Extent:
    """Of an XML document: attributes of its root, its `pagination`, its links."""
    pages: dict[str, object] = {}
    for part in parts(root, "pagination"):
        pages.update({child.tag.rpartition("}")[2]: child.text for child in part if child.text})
    links = [*parts(root, "link"), *parts(root, "pagination", "link")]
    # Beside the features; what has elements of its own is one of them, or holds them.
    plain = {child.tag.rpartition("}")[2]: child.text for child in root if not len(child) and child.text}
    said: dict[str, object] = {
        **plain,
        **{name.rpartition("}")[2]: value for name, value in root.attrib.items()},
        "pagination": pages,
        "links": [{"rel": attribute(link, "rel"), "href": attribute(link, "href")} for link in links],
    }
    return extent_of_json(said)


def extent_of_headers(headers: Iterable[tuple[str, str]]) -> Extent:
    """Of an HTTP answer: `Content-Range`, `X-Total-Count`, `X-Next-Page`, `X-Total-Pages` and their like.

    Only what speaks of pages is looked at: a header may say `X-Cache-Errors` of anything.
    """
    said = {name.lower().removeprefix("x-"): value for name, value in headers if name.lower() in PAGING_HEADERS}
    if said.get("content-range", "").lstrip().lower().startswith("bytes"):
        # Of bytes: whoever reads them knows whether they are all.
        said.pop("content-range")
    return extent_of_json(said)


def with_headers(document: Extent, headers: Extent) -> Extent:
    """What a document says of its feed, and what the headers say that it came with.

    They say that there is more and not where, as nothing that is followed: that is the `Link` header.
    """
    return replace(
        document,
        skipped=max(document.skipped, headers.skipped),
        total=max(filter(None, (document.total, headers.total)), default=None),
        pages=document.pages or headers.pages,
        goes_on=headers.more or headers.next_url,
    )


def _extent(signs: Iterator[_Sign]) -> Extent:
    next_url = more = before = limit = total = pages = None
    skipped, told_last = 0, False
    for sign in signs:
        if _goes_on(sign):
            url = _url(sign.value) if sign.name.endswith(NEXT) and not sign.name.startswith(("has", "is")) else None
            next_url = next_url or url
            told_last |= "next" in sign.name and _is_nothing(sign.value)
            more = more or (None if url or _is_nothing(sign.value) else sign.written)
            continue
        more = more or _broken_off(sign)
        before = before or _earlier(sign)
        skipped = max(skipped, _skipped(sign))
        total = max(filter(None, (total, _total(sign))), default=None)
        if sign.name in PAGES:
            pages = pages or _count(sign.value)
        elif sign.name in LIMITS:
            limit = limit or _count(sign.value)
    return Extent(next_url, skipped, total, more, pages, None if told_last else limit, before)


def _goes_on(sign: _Sign) -> bool:
    return bool(sign.words & AROUND and not sign.words & NO_PAGES) or _RUN_TOGETHER.fullmatch(sign.name) is not None


def _broken_off(sign: _Sign) -> str | None:
    """How a member says that something of the whole is not there, if it does."""
    if sign.words & BROKEN_OFF:
        return None if _is_nothing(sign.value) else sign.written
    if sign.words & WHOLE and _is_no(sign.value):
        return sign.written
    if sign.words & STATES and isinstance(sign.value, str) and _words(sign.value) & BROKEN_OFF:
        return f"{sign.written} {sign.value[:MOST_SHOWN]}"
    if sign.name in RANGES and _span(sign) is None:
        return None if _is_nothing(sign.value) else sign.written
    return None


def _earlier(sign: _Sign) -> str | None:
    """How a member says that there are pages before, if it does."""
    if sign.words & BEFORE:
        return None if _is_nothing(sign.value) else sign.written
    number = _count(sign.value) if sign.name in PAGE else None
    return f"{sign.written} {number:,}" if number is not None and number > 1 else None


def _skipped(sign: _Sign) -> int:
    span = _span(sign)
    if span is not None:
        return int(span["first"])
    number = _count(sign.value) or 0
    return number if sign.name in OFFSETS else max(0, number - 1) if sign.name in FIRSTS else 0


def _total(sign: _Sign) -> int | None:
    span = _span(sign)
    if span is not None:
        return _count(span["total"])
    named = sign.words & TOTALS or sign.name.startswith("total")
    return _count(sign.value) if named and not sign.words & HERE and sign.name not in PAGES else None


def _span(sign: _Sign) -> re.Match[str] | None:
    return _RANGE.fullmatch(sign.value.strip()) if sign.name in RANGES and isinstance(sign.value, str) else None


def _words(text: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORDS.findall(text[:MOST_SHOWN]))


def _is_no(value: object) -> bool:
    return value is False or (isinstance(value, str) and value.strip().lower() in {"false", "no"})


def _signs(document: object, depth: int = 0) -> Iterator[_Sign]:
    if not isinstance(document, Mapping):
        return
    for written, value in document.items():
        name = _ODD.sub("", str(written).lower())
        yield _Sign(str(written), name, value)
        if name not in PLACES or depth == DEEPEST:
            continue
        for inner in value if isinstance(value, list) else (value,):
            for rel in ("next", "prev") if isinstance(inner, Mapping) else ():
                if rel in _rels(inner):
                    yield _Sign(f"rel={rel}", rel, {name: inner.get(name) for name in URLS})
            yield from _signs(inner, depth + 1)


def _rels(link: Mapping[object, object]) -> Sequence[str]:
    rel = link.get("rel")
    # Also a list of words in one text (RFC 8288, section 3.3).
    return [word for one in (rel if isinstance(rel, list) else (rel,)) for word in str(one).lower().split()]


def _url(value: object) -> str | None:
    if isinstance(value, Mapping):
        return next((url for name in URLS if (url := _url(value.get(name))) is not None), None)
    text = value.strip() if isinstance(value, str) else ""
    return None if text.lower() in FALSE else text


def _is_nothing(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in FALSE
    if isinstance(value, Mapping):
        return all(_is_nothing(inner) for inner in value.values())
    return not value


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        number = int(value)
    except ValueError:
        return None
    return number if 0 < number <= MOST else None
