"""A store that is away at the start."""

from pathlib import Path

import pytest

from shared.events.errors import ConfigurationError, StoreError
from shared.store.deferred import DeferredStore, open_deferred
from shared.store.port import Store
from shared.store.url import open_store


def test_it_is_opened_by_the_first_use_that_finds_it_and_only_once(tmp_path: Path) -> None:
    opened: list[Store] = []
    away = True

    def open_now() -> Store:
        if away:
            raise StoreError("away")
        opened.append(open_store(f"sqlite:///{tmp_path / 'store.sqlite'}"))
        return opened[-1]

    store = DeferredStore(open_now)
    for _ in range(2):
        with pytest.raises(StoreError, match="away"):
            store.ping()
    away = False
    store.ping()
    assert not [*store.aggregates(), *store.predictions(), *store.alerts()]
    assert not [*store.model_scores(), *store.served_models()]
    store.put_aggregates([])
    store.put_predictions([])
    store.put_alerts([])
    store.put_model_scores([])
    store.put_served_models([])
    assert len(opened) == 1
    store.close()


def test_one_that_was_never_opened_closes() -> None:
    def open_now() -> Store:
        raise StoreError("away")

    DeferredStore(open_now).close()


def test_a_store_that_is_away_does_not_keep_a_service_from_starting(tmp_path: Path) -> None:
    blocked = tmp_path / "folder"
    blocked.write_text("in the way", encoding="utf-8")
    store = open_deferred(f"sqlite:///{blocked / 'store.sqlite'}")
    with pytest.raises(StoreError):
        store.ping()
    blocked.unlink()
    store.ping()
    store.close()


def test_a_url_that_can_never_work_is_said_at_once() -> None:
    with pytest.raises(ConfigurationError):
        open_deferred("oracle://host")
