"""The example of docs/data.md that reads an archive on HDFS, run against one."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from shared.archive.container import ArchivedEvent, encode_container
from shared.archive.layout import raw_path
from shared.archive.port import Archive
from shared.events.records import NetworkId, SensorId, TrafficEvent
from tests.kit.places import ROOT

PAGE = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
NETWORK = NetworkId("metr-la")
START = datetime(2012, 5, 2, 8, tzinfo=UTC)


def test_the_archive_on_hdfs_is_read_with_its_own_client(
    archive: Archive, archive_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = urlsplit(archive_url)
    if parts.scheme == "file":
        pytest.skip("an example for HDFS")
    events = [
        ArchivedEvent(
            TrafficEvent(
                f"{offset}", NETWORK, SensorId(f"s{offset % 2}"), START + timedelta(minutes=offset // 2), 50.0 + offset
            ),
            0,
            offset,
        )
        for offset in range(20)
    ]
    archive.write(raw_path(NETWORK, START, 0, 0, 19), encode_container(events))
    again = ArchivedEvent(events[0].event, 0, 20)
    archive.write(raw_path(NETWORK, START, 0, 20, 20), encode_container([again]))
    (example,) = re.findall(r"^```python hdfs\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    here = example.replace("http://namenode:9870", f"http://{parts.netloc}").replace(
        '"/traffic', f'"{parts.path}/traffic'
    )
    names: dict[str, Any] = {}
    exec(compile(here, "docs/data.md", "exec"), names)  # noqa: S102 - our own page
    assert len(names["rows"]) == 21
    assert names["speeds"].shape == (10, 2)
    assert names["speeds"]["s1"].tolist() == [51.0 + 2 * step for step in range(10)]
    assert "mean" in capsys.readouterr().out
