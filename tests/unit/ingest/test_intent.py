import pytest

from services.ingest.intent import PlannedFile, leftovers, write_intent
from shared.events.errors import ArchiveError

PLAN = [PlannedFile("a.avro", 10, 19), PlannedFile("b.avro", 12, 25)]


@pytest.mark.parametrize(("committed", "stale"), [(0, ["a.avro", "b.avro"]), (10, ["a.avro", "b.avro"]), (26, [])])
def test_leftovers_are_the_files_that_will_be_written_again(committed: int, stale: list[str]) -> None:
    assert leftovers(write_intent(PLAN), committed) == stale


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"files": [{"path": "a"}]}', b"\xff"])
def test_a_damaged_intent_is_an_error(content: bytes) -> None:
    with pytest.raises(ArchiveError):
        leftovers(content, 0)
