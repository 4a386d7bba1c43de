"""How a gateway holds out against hostile connections: /live's p99, its memory, and what honest clients miss.

    python -m benchmarks.hostile_connections [--each N] [--seconds S] [--only KIND]

The gateway is a process of its own on an embedded broker; the attackers are another, each kind from its own address.
The baseline is the same gateway in the same run before anybody attacks it. Wants a machine with nothing else to do.
"""

import argparse
import asyncio
import logging
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import structlog

from tests.hostile.attackers import ATTACKS
from tests.hostile.siege import Siege, besiege

MAX_P99_S = 0.1
MAX_BYTES = 300 * 1024 * 1024
MIB = 1024 * 1024
SHOWN = 5


def told(siege: Siege) -> str:
    """The figures as lines."""
    missed, lived, calm, watch = siege.missed, siege.experience, siege.calm, siege.watch
    rows = (
        ("/live p99, ms", f"{calm.p99_s() * 1e3:.1f}", f"{watch.p99_s() * 1e3:.1f}", f"{MAX_P99_S * 1e3:.0f}"),
        ("/live failed", f"{calm.failed}", f"{watch.failed}", "0"),
        ("peak memory, MiB", f"{calm.peak_bytes / MIB:.0f}", f"{watch.peak_bytes / MIB:.0f}", f"{MAX_BYTES / MIB:.0f}"),
        ("honest clients missed", "", f"{len(missed)}", "0"),
    )
    lines = [
        f"{siege.each} connections of each kind at once, {siege.seconds:.0f} s",
        *_table(("", "calm", "besieged", "limit"), rows),
        *_table(("attack", "how its connections ended"), [(name, _ended(how)) for name, how in siege.outcomes.items()]),
        f"honest: {lived.asked} requests, the slowest {lived.slowest_s:.2f} s; {lived.written} advisories",
        *(f"missed: {one}" for one in missed[:SHOWN]),
    ]
    return "\n".join(lines)


def _ended(outcomes: Mapping[str, int]) -> str:
    return ", ".join(f"{outcome}: {count:,}" for outcome, count in sorted(outcomes.items()))


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [headings, ["---"] * len(headings), *rows]
    return ["", *(f"| {' | '.join(line)} |" for line in lines), ""]


def main() -> int:
    """Print the figures; returns 1 where a limit is not kept."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--each", type=int, default=50, help="connections of each kind")
    options.add_argument("--seconds", type=float, default=30.0)
    options.add_argument("--only", choices=list(ATTACKS), action="append", help="this kind; again for several")
    given = options.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as folder:
        siege = asyncio.run(besiege(Path(folder), given.each, given.seconds, given.only or tuple(ATTACKS)))
    print(told(siege))
    kept = siege.watch.p99_s() < MAX_P99_S and siege.watch.peak_bytes < MAX_BYTES and not siege.missed
    return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
