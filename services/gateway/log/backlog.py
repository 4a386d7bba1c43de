"""How long what a group has not worked off has been on the log. Pure."""

from collections import deque

# A look a second: an hour of what waits; of more, what came later counts as the last of these.
MOST_ENDS = 3_600


class Backlog:
    """Remembers when the end of one partition was first seen where, for as long as somebody is behind it.

    Records that were there at the first look count from that on.
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[int, float]] = deque()

    def waited_s(self, begin: int, end: int, through: int, now_s: float) -> float | None:
        """How long the oldest record from offset `through` on has been there, seconds; `None` where there is none.

        Args:
            begin: the first offset that the log still has.
            end: the offset behind the last.
            through: how far the group has come; anything below `begin` where it has not begun.
            now_s: seconds of a clock that only goes forward.
        """
        if self._seen and end < self._seen[-1][0]:
            self._seen.clear()  # the topic was made anew
        last = self._seen[-1][0] if self._seen else max(begin, through)
        if end > last:
            if len(self._seen) < MOST_ENDS:
                self._seen.append((end, now_s))
            else:
                self._seen[-1] = end, self._seen[-1][1]
        while self._seen and self._seen[0][0] <= max(begin, through):
            self._seen.popleft()
        return max(0.0, now_s - self._seen[0][1]) if self._seen else None
