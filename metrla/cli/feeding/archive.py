"""A feed from the archive: it rebuilds the log, and all that follows from it, from the archive alone."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from metrla.cli.broker import answered
from metrla.cli.feeding.legs import Leg, Sent, send_legs
from metrla.cli.feeding.options import moved, read_duration, read_pace
from metrla.data.archive.feed import ArchivedEvents
from shared.archive.url import open_archive
from shared.events.errors import ConfigurationError
from shared.events.topics import TRAFFIC_EVENTS
from shared.kafka.admin import ensure_topics, partitions_of
from shared.kafka.replay import open_reader
from shared.runtime.settings import PlatformSettings
from shared.traffic.network import Network


@dataclass(frozen=True, slots=True)
class ArchivedReplay:
    """An archive's URL, the time to replay (aware; `None`: open), and --speed and --warm-up as they were given."""

    url: str
    begin: datetime | None
    end: datetime | None
    speed: str | None
    warm_up: str | None


def send_archived(
    replay: ArchivedReplay, network: Network, settings: PlatformSettings, damaged_share: float, seed: int
) -> Sent:
    """Send the archived events of `network` until they end or a signal comes.

    Raises:
        ArchiveError: the archive does not answer, or a file is damaged.
        ConfigurationError: it holds no such events; or what ingest archives of them would mix with them.
    """
    with closing(open_archive(replay.url, create=False)) as archive:
        events = ArchivedEvents(archive, network.network_id, replay.begin, replay.end)
        if replay.url.rstrip("/") == settings.archive_url.rstrip("/"):
            servers = settings.kafka_bootstrap_servers
            ends = answered(servers, _ends(servers))
            _refuse_younger_log(ends, events.ends(), replay.url)
        deliveries = events.deliveries()
        opening = next(deliveries, None)
        if opening is None:
            raise ConfigurationError(f"{replay.url} holds no events of network {network.network_id} in that time")
        origin = opening.at
        if replay.warm_up:
            origin = moved("--warm-up", replay.warm_up, origin, read_duration("--warm-up", replay.warm_up))
        pace = read_pace(replay.speed, None, origin)
        leg = Leg("archive", chain([opening], deliveries), pace, events.extent())
        return send_legs([leg], settings, network.time_zone, damaged_share, seed)


def _refuse_younger_log(log: Mapping[int, int], archived: Mapping[int, int], url: str) -> None:
    behind = [partition for partition, end in archived.items() if log.get(partition, 0) < end]
    if behind:
        raise ConfigurationError(
            f"{url} was written from another log: that one came to offset {archived[behind[0]]:,} of partition "
            f"{behind[0]}, this one to {log.get(behind[0], 0):,}. Their events would mix in one archive. "
            "Set METRLA_ARCHIVE_URL, for ingest too, to an archive of its own and name the old one with --archive-url"
        )


async def _ends(bootstrap_servers: str) -> Mapping[int, int]:
    await ensure_topics(bootstrap_servers)
    partitions = await partitions_of(bootstrap_servers, [TRAFFIC_EVENTS])
    async with open_reader(bootstrap_servers, "metrla-feed") as reader:
        return {each.partition: end for each, end in (await reader.end_offsets(partitions)).items()}
