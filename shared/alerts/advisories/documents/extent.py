"""What a document says of how much of its feed it holds, whatever the format. Pure.

Everybody writes pages in another way: Open511 `pagination.next_url`, api.weather.gov `pagination.next`, OGC API and
Atom links with `rel` next, HAL `_links.next.href`, JSON:API `links.next`, Django REST `count` and `next`, ArcGIS
`exceededTransferLimit`, tokens and cursors. So every sign of more is looked for around the features, whatever its case;
what is one but is not understood makes the document a part: taking a part for the whole withdraws what is in the rest.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from xml.etree.ElementTree import Element

from shared.alerts.advisories.documents.draft import Extent
from shared.alerts.advisories.documents.formats.xml import attribute, parts

PLACES = frozenset(
    ["pagination", "paging", "page", "pageinfo", "meta", "metadata", "links", "properties", "responseinfo", "cursors"]
)
"""Members of a document that speak of all of it; of these and what follows, the names in lower case."""
NEXT = frozenset(["next", "nexturl", "nextlink", "nexthref", "nextpage", "nextpageurl", "nextpagelink"])
TOKENS = frozenset(
    [
        "nextpagetoken",
        "nexttoken",
        "nextcursor",
        "nextoffset",
        "cursor",
        "endcursor",
        "continuation",
        "continuationtoken",
    ]
)
MORE = frozenset(
    [
        "hasmore",
        "hasnext",
        "hasnextpage",
        "more",
        "moreresults",
        "truncated",
        "istruncated",
        "incomplete",
        "exceededtransferlimit",
    ]
)
TOTALS = frozenset(
    [
        "total",
        "totalcount",
        "totalitems",
        "totalfeatures",
        "totalresults",
        "totalrecords",
        "totalelements",
        "totalhits",
        "numbermatched",
        "count",
    ]
)
PAGES = frozenset(["pages", "totalpages", "pagecount", "numpages", "lastpage"])
LIMITS = frozenset(["limit", "perpage", "pagesize", "itemsperpage"])
OFFSETS = frozenset(["offset", "startindex", "skip"])
URLS = ("href", "url", "link")
FALSE = frozenset({"", "false", "no", "0", "null", "none"})

MOST = 10**9
MOST_SIGNS = 1_000
DEEPEST = 3
_ODD = re.compile(r"[^a-z0-9]")


@dataclass(frozen=True, slots=True)
class _Sign:
    """A member that may speak of pages: its name as written, the same in lower case without punctuation, its value."""

    written: str
    name: str
    value: object


def extent_of_json(document: object) -> Extent:
    """Of a JSON document."""
    return _extent(islice(_signs(document), MOST_SIGNS))


def extent_of_xml(root: Element) -> Extent:
    """Of an XML document: attributes of its root, its `pagination`, its links."""
    pages: dict[str, object] = {}
    for part in parts(root, "pagination"):
        pages.update({child.tag.rpartition("}")[2]: child.text for child in part if child.text})
    links = [*parts(root, "link"), *parts(root, "pagination", "link")]
    said: dict[str, object] = {
        **{name.rpartition("}")[2]: value for name, value in root.attrib.items()},
        "pagination": pages,
        "links": [{"rel": attribute(link, "rel"), "href": attribute(link, "href")} for link in links],
    }
    return extent_of_json(said)


def _extent(signs: Iterator[_Sign]) -> Extent:
    next_url = more = limit = total = pages = None
    skipped, told_last = 0, False
    for sign in signs:
        if sign.name in NEXT:
            url = _url(sign.value)
            next_url = next_url or url
            told_last |= _is_nothing(sign.value)
            more = more or (None if url or _is_nothing(sign.value) else sign.written)
        elif sign.name in TOKENS or sign.name in MORE:
            more = more or (None if _is_nothing(sign.value) else sign.written)
        elif sign.name in TOTALS:
            total = max(filter(None, (total, _count(sign.value))), default=None)
        elif sign.name in PAGES:
            pages = pages or _count(sign.value)
        elif sign.name in LIMITS:
            limit = limit or _count(sign.value)
        elif sign.name in OFFSETS:
            skipped = max(skipped, _count(sign.value) or 0)
    return Extent(next_url, skipped, total, more, pages, None if told_last else limit)


def _signs(document: object, depth: int = 0) -> Iterator[_Sign]:
    if not isinstance(document, Mapping):
        return
    for written, value in document.items():
        name = _ODD.sub("", str(written).lower())
        yield _Sign(str(written), name, value)
        if name not in PLACES or depth == DEEPEST:
            continue
        for inner in value if isinstance(value, list) else (value,):
            if isinstance(inner, Mapping) and "next" in _rels(inner):
                yield _Sign("rel=next", "next", {name: inner.get(name) for name in URLS})
            yield from _signs(inner, depth + 1)


def _rels(link: Mapping[object, object]) -> Sequence[str]:
    rel = link.get("rel")
    return [str(one).strip().lower() for one in (rel if isinstance(rel, list) else (rel,))]


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
