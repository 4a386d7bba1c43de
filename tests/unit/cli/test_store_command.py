"""`metrla store status` tells the newest row of every table."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from typer.testing import CliRunner

from metrla.cli.store import app
from shared.events.records import NetworkId
from shared.store.model_records import SPEED_BINS, ModelRole, ModelScore, ServedModel
from shared.store.url import open_store
from tests.kit.windows import processed_window

TOY = NetworkId("toy")
START = datetime(2012, 5, 2, 7, tzinfo=UTC)


def status(url: str) -> dict[str, str]:
    """The line of each table."""
    shown = CliRunner().invoke(app, ["status", "--store-url", url], catch_exceptions=False)
    assert shown.exit_code == 0
    lines = [line.strip(" │|") for line in shown.output.splitlines() if line.strip(" │|").startswith("traffic_")]
    return {line.split()[0]: line for line in lines}


def test_each_table_has_its_newest_row_or_none(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.sqlite'}"
    with closing(open_store(url)):
        before = status(url)
    assert len(before) == 5
    assert all(line.endswith("none") for line in before.values())
    with closing(open_store(url)) as store:
        store.put_aggregates([processed_window(TOY, "1", START)])
        store.put_model_scores(
            [ModelScore(TOY, "xgboost", "1", START + timedelta(hours=1), 1, (0,) * SPEED_BINS, 0, ())]
        )
        store.put_served_models(
            [
                ServedModel(TOY, name, "1", ModelRole.CHAMPION, START + timedelta(hours=hours), {})
                for name, hours in (("a", 3), ("b", 2))
            ]
        )
    after = status(url)
    assert after["traffic_aggregates"].endswith("2012-05-02T07:00:00Z")
    assert after["traffic_model_scores"].endswith("2012-05-02T08:00:00Z")
    assert after["traffic_served_models"].endswith("2012-05-02T10:00:00Z")
    assert after["traffic_alerts"].endswith("none")
