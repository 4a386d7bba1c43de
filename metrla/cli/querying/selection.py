"""The options --network, --sensor, --from, --to and --local: which rows are meant, and the zone of their times."""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Annotated

import typer

from shared.events.errors import ConfigurationError
from shared.events.records import NetworkId, SensorId
from shared.runtime.settings import PlatformSettings
from shared.traffic.folder import load_networks

FromOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        help="First instant: ISO date or date and time; without an offset it is UTC, or local time with --local.",
        metavar="TIME",
    ),
]
ToOption = Annotated[str | None, typer.Option("--to", help="End, exclusive, in the same forms.", metavar="TIME")]
NetworkOption = Annotated[
    str | None, typer.Option("--network", help="Sensor network id.", show_default="all", metavar="ID")
]
SensorOption = Annotated[str | None, typer.Option("--sensor", help="Sensor id.", show_default="all", metavar="ID")]
ArchiveOption = Annotated[
    str | None, typer.Option("--archive-url", help="The archive.", show_default="METRLA_ARCHIVE_URL", metavar="URL")
]
StoreOption = Annotated[
    str | None, typer.Option("--store-url", help="The store.", show_default="METRLA_STORE_URL", metavar="URL")
]
LocalOption = Annotated[
    bool, typer.Option("--local", help="Read and show times in the network's time zone instead of UTC.")
]


@dataclass(frozen=True, slots=True)
class RowSelection:
    """Which rows are asked for: of one network and sensor (`None`: all), from `start` to before `end` (`None`: open).

    `zone` is the one in which times are read and shown.
    """

    network_id: NetworkId | None
    sensor_id: SensorId | None
    start: datetime | None
    end: datetime | None
    zone: tzinfo

    @classmethod
    def read(
        cls,
        settings: PlatformSettings,
        network: str | None,
        sensor: str | None,
        begin: str | None,
        end: str | None,
        *,
        local: bool,
    ) -> "RowSelection":
        """What the options say; raises `ConfigurationError` where they make no sense."""
        zone = zone_of(settings, network, local=local)
        return cls(
            None if network is None else NetworkId(network),
            None if sensor is None else SensorId(sensor),
            *read_range(begin, end, zone),
            zone,
        )


def zone_of(settings: PlatformSettings, network_id: str | None, *, local: bool) -> tzinfo:
    """UTC, or with `local` the zone of the network among METRLA_NETWORKS.

    Raises:
        ConfigurationError: the network is not among them, or none is named and there are several.
    """
    if not local:
        return UTC
    networks = {str(known): network for known, network in load_networks(settings.networks).items()}
    if network_id is None and len({network.time_zone for network in networks.values()}) == 1:
        return next(iter(networks.values())).time_zone
    if network_id is None:
        raise ConfigurationError("--local: the networks lie in several time zones, so choose one with --network")
    if network_id not in networks:
        raise ConfigurationError(f"--local: network {network_id} is not one of METRLA_NETWORKS: {', '.join(networks)}")
    return networks[network_id].time_zone


def read_range(begin: str | None, end: str | None, zone: tzinfo) -> tuple[datetime | None, datetime | None]:
    """The instants of --from and --to in UTC; raises `ConfigurationError` for what is no time or in the wrong order."""
    start, stop = _instant("--from", begin, zone), _instant("--to", end, zone)
    if start is not None and stop is not None and start >= stop:
        raise ConfigurationError(f"--from {begin} is not before --to {end}")
    return start, stop


def _instant(option: str, text: str | None, zone: tzinfo) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text.strip())
        return (instant if instant.tzinfo else instant.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as wrong:
        raise ConfigurationError(
            f"{option} {text!r}: write an ISO 8601 time as 2012-05-02, 2012-05-02T08:00 or 2012-05-02T08:00-07:00"
        ) from wrong
