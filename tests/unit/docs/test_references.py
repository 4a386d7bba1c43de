"""What the pages name exists: files, links with their anchors, sub-commands, make targets."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from metrla.cli.main import app
from tests.kit.places import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PLACES = ("metrla", "services", "shared", "tests", "docs", "deploy", "schemas", "benchmarks", ".ci")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
SPAN = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?<![\w./=-])metrla ([a-z][a-z-]+)(?: ([a-z][a-z-]+))?")
TARGET = re.compile(r"(?<![\w-])make ((?:[a-z][a-z-]*(?: (?=[a-z]))?)+)")


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def code_of(page: Path) -> Iterator[str]:
    """What stands in backticks and fences."""
    text = text_of(page)
    yield from FENCE.findall(text)
    yield from SPAN.findall(FENCE.sub("", text))


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings get on GitHub."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text_of(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_lead_somewhere(page: Path) -> None:
    lost = []
    for link in LINK.findall(FENCE.sub("", text_of(page))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page if not path else (page.parent / path).resolve()
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert not lost


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_files_that_are_named_exist(page: Path) -> None:
    named = {
        word.rstrip("/").partition(":")[0]
        for span in code_of(page)
        for word in re.findall(r"[\w.*/-]+", span)
        if "/" in word and word.split("/")[0] in PLACES
    }
    assert not {path for path in named if not list(ROOT.glob(path))}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_commands_that_are_named_exist(page: Path) -> None:
    known = getattr(get_command(app), "commands", {})
    unknown = set()
    for span in code_of(page):
        for name, sub in COMMAND.findall(span):
            below = getattr(known.get(name), "commands", None)
            if name not in known or (below is not None and sub and sub not in below):
                unknown.add(f"metrla {name} {sub}".strip())
    assert not unknown


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_make_targets_that_are_named_exist(page: Path) -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {target for span in code_of(page) for words in TARGET.findall(span) for target in words.split()}
    assert not named - known
