"""Holds the schemas as they are against every version that was ever published."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from avro.errors import AvroException

from shared.events.published import SUFFIX, PublishedSchema, published_versions
from shared.schemas.compatibility import breaks

# What says nothing to a program.
PROSE = frozenset({"doc", "unit"})


def faults(current: PublishedSchema, folder: Path) -> Iterator[str]:
    """One line per break between `current` and the versions in `folder`, and one if it is not among them."""
    yield from breaks_of(current, folder)
    if not is_recorded(current, folder):
        yield f"{current.name}: not recorded; `metrla schemas record` makes it a published version"


def breaks_of(current: PublishedSchema, folder: Path) -> Iterator[str]:
    """Full transitive compatibility: where `current` cannot read a version, or a version cannot read `current`."""
    try:
        for version in published_versions(current.name, folder):
            number = version.path.stem
            for line in breaks(current.definition, version.definition):
                yield f"{current.name} cannot read version {number}: {line}"
            for line in breaks(version.definition, current.definition):
                yield f"{current.name} cannot be read by version {number}: {line}"
    except AvroException as invalid:
        yield f"{current.name}: {' '.join(str(invalid).split())}"


def is_recorded(current: PublishedSchema, folder: Path) -> bool:
    """Whether a published version is the same but for its prose."""
    meaning = _meaning(current.definition)
    return any(_meaning(version.definition) == meaning for version in published_versions(current.name, folder))


def orphans(current: tuple[PublishedSchema, ...], folder: Path) -> Iterator[str]:
    """Records that have published versions and no schema any more: one line each."""
    names = {schema.name for schema in current}
    for path in sorted((folder / "history").glob("*/")):
        if path.name not in names:
            yield f"{path.name}: published, but {path.name}{SUFFIX} is gone; data of it could not be read"


def record(current: PublishedSchema, folder: Path) -> PublishedSchema:
    """Make `current` the next published version; returns that version. Raises `OSError` where it cannot be written."""
    versions = published_versions(current.name, folder)
    number = int(versions[-1].path.stem) + 1 if versions else 1
    path = folder / "history" / current.name / f"{number}{SUFFIX}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(current.definition, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return PublishedSchema(path, current.definition)


def _meaning(part: Any) -> Any:  # noqa: ANN401  any JSON
    """A schema without its prose."""
    if isinstance(part, dict):
        return {name: _meaning(value) for name, value in part.items() if name not in PROSE}
    return [_meaning(each) for each in part] if isinstance(part, list) else part
