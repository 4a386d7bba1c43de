"""The audit log: every write and every refusal, with who and from where, as structured lines of the process's log.

A flood of refusals from one address becomes one line every few seconds that says how many: it must not fill disks.
"""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

import structlog

log = structlog.stdlib.get_logger("audit")

LINES, EVERY_S, MOST_ADDRESSES = 20, 10.0, 10_000
LONGEST_PATH = 200


class Audit:
    """Writes the lines."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        # Address -> begin of its period, lines in it, refusals not written since.
        self._seen: OrderedDict[str, tuple[float, int, int]] = OrderedDict()

    def write(self, who: str, address: str, method: str, path: str, status: int) -> None:
        """One request that may have changed something."""
        log.info("write", who=who, address=address, method=method, path=path[:LONGEST_PATH], status=status)

    def refusal(self, why: str, who: str, address: str, method: str, path: str, status: int) -> None:
        """One request that was refused for who asked, from where, or how often."""
        now = self._clock()
        begun, lines, unsaid = self._seen.pop(address, (now, 0, 0))
        if now - begun >= EVERY_S:
            begun, lines = now, 0
        if lines < LINES:
            lines += 1
            log.warning(
                "refused",
                why=why,
                who=who,
                address=address,
                method=method,
                path=path[:LONGEST_PATH],
                status=status,
                **({"unsaid": unsaid} if unsaid else {}),
            )
            unsaid = 0
        else:
            unsaid += 1
        self._seen[address] = (begun, lines, unsaid)
        if len(self._seen) > MOST_ADDRESSES:
            self._seen.popitem(last=False)
