"""Committed offsets."""

from typing import NamedTuple


class CommittedOffset(NamedTuple):
    """The next offset to read and the words that the consumer left with it."""

    offset: int
    metadata: str


class OffsetStore:
    """Commits of all groups by topic and partition; lives as long as the broker."""

    def __init__(self) -> None:
        self._groups: dict[str, dict[tuple[str, int], CommittedOffset]] = {}

    def commit(self, group_id: str, topic: str, partition: int, committed: CommittedOffset) -> None:
        """Remember a commit in place of the one before it."""
        self._groups.setdefault(group_id, {})[topic, partition] = committed

    def get(self, group_id: str, topic: str, partition: int) -> CommittedOffset | None:
        """Return the last commit, None if there is none."""
        return self._groups.get(group_id, {}).get((topic, partition))

    def partitions(self, group_id: str) -> list[tuple[str, int]]:
        """Return every (topic, partition) that the group has committed, in order."""
        return sorted(self._groups.get(group_id, {}))

    def forget_group(self, group_id: str) -> None:
        """Drop all commits of a group."""
        self._groups.pop(group_id, None)

    def forget_topic(self, topic: str) -> None:
        """Drop all commits on a deleted topic."""
        for group_id, commits in list(self._groups.items()):
            kept = {key: value for key, value in commits.items() if key[0] != topic}
            if kept:
                self._groups[group_id] = kept
            else:
                del self._groups[group_id]
