"""The `Link` header of an HTTP answer (RFC 8288, section 3). Pure."""

import re
from collections.abc import Iterable, Iterator

_LINK = re.compile(r"[\s,]*<(?P<target>[^>]*)>")
_PARAMETER = re.compile(
    r"""\s*;\s*(?P<name>[^\s=;,"<>]*)\s*(?:=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s;,"]*)))?"""
)
_ESCAPED = re.compile(r"\\(.)")
MOST_CHARACTERS = 16_384
"""Of all `Link` headers of an answer."""


def next_of(headers: Iterable[str]) -> str | None:
    """Where the first link whose relation types have `next` leads, as it is written; `None` where none has.

    Args:
        headers: what each `Link` header says.
    """
    return next((target for header in headers for target, rels in _links(header) if "next" in rels), None)


def _links(header: str) -> Iterator[tuple[str, frozenset[str]]]:
    """The target of each link, and its relation types in lower case."""
    at = 0
    while (link := _LINK.match(header, at, MOST_CHARACTERS)) is not None:
        at = link.end()
        rel: str | None = None
        while (parameter := _PARAMETER.match(header, at, MOST_CHARACTERS)) is not None:
            at = parameter.end()
            if parameter["name"].lower() == "rel" and rel is None:  # of several, the first counts
                rel = _ESCAPED.sub(r"\1", parameter["quoted"] or "") or parameter["plain"] or ""
        yield link["target"].strip(), frozenset((rel or "").lower().split())
        # What is damaged is left; the next link begins behind a comma.
        comma = header.find(",", at)
        at = len(header) if comma < 0 else comma
