"""The truth of a run: every message that was fed, in a SQLite file that no service knows of."""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.scenario import Fed, Sort

SEQUENCE_HEADER = "chaos-sequence"


@dataclass(frozen=True, slots=True)
class FedMessage:
    """A message as it was fed under its sequence number; `acknowledged`: the log said that it has it."""

    sequence: int
    fed: Fed
    acknowledged: bool


class Truth:
    """Written by the feeder before it sends, read by the auditor."""

    def __init__(self, path: Path) -> None:
        self._file = sqlite3.connect(path)
        self._file.execute(
            "CREATE TABLE IF NOT EXISTS fed (sequence INTEGER PRIMARY KEY, sort TEXT NOT NULL, key BLOB, value BLOB,"
            " reason TEXT NOT NULL, topic TEXT NOT NULL, acknowledged INTEGER NOT NULL DEFAULT 0)"
        )

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def note(self, numbered: Iterable[tuple[int, Fed]]) -> None:
        """Note messages that are about to be sent."""
        with self._file:
            self._file.executemany(
                "INSERT INTO fed (sequence, sort, key, value, reason, topic) VALUES (?, ?, ?, ?, ?, ?)",
                [(number, fed.sort, fed.key, fed.value, fed.reason, fed.topic) for number, fed in numbered],
            )

    def acknowledge(self, sequences: Iterable[int]) -> None:
        """Note that the log has them."""
        with self._file:
            self._file.executemany("UPDATE fed SET acknowledged = 1 WHERE sequence = ?", [(one,) for one in sequences])

    def messages(self) -> Iterator[FedMessage]:
        """Everything fed, in order."""
        rows = self._file.execute(
            "SELECT sequence, sort, key, value, reason, topic, acknowledged FROM fed ORDER BY sequence"
        )
        for sequence, sort, key, value, reason, topic, acknowledged in rows:
            yield FedMessage(sequence, Fed(Sort(sort), key, value, reason, topic), bool(acknowledged))
