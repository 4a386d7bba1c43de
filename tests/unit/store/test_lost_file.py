"""A SQLite file that is deleted or replaced under those who use it: nothing is written where nobody will read it."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.events.errors import StoreError
from shared.store.deferred import open_deferred
from shared.store.port import Store
from tests.kit.windows import processed_window

WINDOW = processed_window("a", "1", datetime(2012, 5, 2, tzinfo=UTC))
LATER = processed_window("a", "1", datetime(2012, 5, 2, 1, tzinfo=UTC))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


@pytest.fixture
def store(file: Path) -> Iterator[Store]:
    with closing(open_deferred(f"sqlite:///{file}")) as opened:
        opened.put_aggregates([WINDOW])
        yield opened


def delete(file: Path) -> None:
    for part in file.parent.glob(f"{file.name}*"):
        part.unlink()


def test_a_store_whose_file_was_deleted_takes_and_gives_nothing_and_says_so(store: Store, file: Path) -> None:
    delete(file)
    gone = r"store: the file .*store\.sqlite is gone \(No such file or directory\): put it back"
    for _ in range(3):
        with pytest.raises(StoreError, match=gone):
            store.ping()
        with pytest.raises(StoreError, match=gone):
            store.put_aggregates([LATER])
        with pytest.raises(StoreError, match=gone):
            list(store.aggregates())
    assert not file.exists()


def test_a_file_that_is_put_back_is_used_again(store: Store, file: Path) -> None:
    away = file.with_name("away")
    file.rename(away)
    with pytest.raises(StoreError):
        store.put_aggregates([LATER])
    away.rename(file)
    store.put_aggregates([LATER])
    assert list(store.aggregates()) == [LATER, WINDOW]


def test_a_file_that_another_service_made_anew_is_used_by_all(store: Store, file: Path) -> None:
    delete(file)
    with closing(open_deferred(f"sqlite:///{file}")) as restarted:
        store.ping()
        store.put_aggregates([LATER])
        assert list(restarted.aggregates()) == [LATER]
        assert list(store.aggregates()) == [LATER]
