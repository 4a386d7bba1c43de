"""XML from anywhere: refused in one line where it attacks, and what elements say, whatever their namespaces. Pure."""

import re
from collections.abc import Collection, Iterator
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from shared.alerts.advisories.documents.draft import UnreadableAdvisoriesError
from shared.alerts.advisories.documents.formats.reading import MAX_UNREAD, field_name

MAX_DEPTH = 100
MAX_TAGS = 3_000_000
"""Some hundred MiB as a tree; the largest feeds that are published have a tenth of it."""
MAX_TAG_BYTES = 65_536
"""Of one tag with its attributes, which cost more the more they are; those that are published have some hundred."""
_LONG_TAG = re.compile(rb"<[^!<>][^<>]{%d}" % MAX_TAG_BYTES)
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
BEGINNINGS = (b"<", b"\xff\xfe<\x00", b"\xfe\xff\x00<")


def is_xml(data: bytes) -> bool:
    """Whether a document looks like XML."""
    return data.startswith(BEGINNINGS)


def read_xml(data: bytes) -> Element:
    """The root; raises `UnreadableAdvisoriesError` where it is no XML, or more than anybody would publish."""
    if data.count(b"<") > MAX_TAGS:
        raise UnreadableAdvisoriesError(f"no XML that can be read: it has more than {MAX_TAGS:,} tags")
    if _LONG_TAG.search(data):
        raise UnreadableAdvisoriesError(f"no XML that can be read: a tag has more than {MAX_TAG_BYTES:,} bytes")
    try:
        root = fromstring(data)
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError) as wrong:
        raise UnreadableAdvisoriesError(f"no XML: {' '.join(str(wrong).split())[:200]}") from wrong
    level = [root]
    for _ in range(MAX_DEPTH):
        level = [child for element in level for child in element]
        if not level:
            return root
    raise UnreadableAdvisoriesError(f"no XML that can be read: its elements are nested deeper than {MAX_DEPTH}")


def name_of(element: Element) -> str:
    """The name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def parts(element: Element, *path: str) -> Iterator[Element]:
    """The elements at a path below one, in document order."""
    if not path:
        yield element
        return
    for child in element:
        if name_of(child) == path[0]:
            yield from parts(child, *path[1:])


def part(element: Element | None, *path: str) -> Element | None:
    """The first element at a path below one."""
    return None if element is None else next(parts(element, *path), None)


def texts(element: Element, *path: str) -> Iterator[str]:
    """What the elements at a path say, without space around it; '' for those that say nothing."""
    return ((found.text or "").strip() for found in parts(element, *path))


def told(element: Element | None, *path: str) -> str | None:
    """The first text at a path that says something."""
    return None if element is None else next((text for text in texts(element, *path) if text), None)


def attribute(element: Element, name: str) -> str | None:
    """An attribute by its name without namespace; `None` where it is missing or empty."""
    values = (value.strip() for key, value in element.attrib.items() if key.rpartition("}")[2] == name)
    return next((value for value in values if value), None)


def unread_elements(element: Element, read: Collection[str]) -> tuple[str, ...]:
    """Paths (names with dots) of the elements that say something and that neither `read` nor a path above them has."""
    return tuple(dict.fromkeys(_unread(element, frozenset(read), "")))[:MAX_UNREAD]


def _unread(element: Element, read: frozenset[str], within: str) -> Iterator[str]:
    for child in element:
        path = f"{within}{field_name(name_of(child))}"
        if path in read:
            continue
        if any(known.startswith(f"{path}.") for known in read):
            yield from _unread(child, read, f"{path}.")
        elif len(child) or (child.text or "").strip():
            yield path
