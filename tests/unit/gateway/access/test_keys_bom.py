"""A file of keys as editors on Windows write it."""

from codecs import BOM_UTF8
from datetime import UTC, datetime
from pathlib import Path

from services.gateway.access.keys import KeyRing, read_keys, write_keys
from services.gateway.access.principals import Scope


def test_a_file_of_keys_may_have_a_byte_order_mark(tmp_path: Path) -> None:
    ring, _, _ = KeyRing.of([]).created("feed", [Scope.INGEST], datetime(2026, 11, 30, tzinfo=UTC), None)
    path = tmp_path / "keys.json"
    write_keys(path, ring)
    path.write_bytes(BOM_UTF8 + path.read_bytes())
    assert read_keys(path) == ring
