"""The options --network, --sensor, --from, --to and --local: which rows are meant, and the zone of their times."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Annotated

import typer

from shared.events.errors import ConfigurationError
from shared.events.quantities import EARLIEST, LATEST, time_in_span
from shared.events.records import NetworkId, SensorId
from shared.events.text import one_line, quoted
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

    def none_found(self, settings: PlatformSettings, said: str) -> Callable[[], str]:
        """What is said where nothing matches; it raises `ConfigurationError` where that is for a name nobody knows."""

        def told() -> str:
            require_known(settings, self.network_id, self.sensor_id)
            return said

        return told


def require_known(settings: PlatformSettings, network_id: str | None, sensor_id: str | None = None) -> None:
    """Raise `ConfigurationError` where METRLA_NETWORKS has no such network, or no such sensor in it.

    Asked where nothing was found: an archive or a store may hold other networks.
    """
    networks = {str(known): network for known, network in load_networks(settings.networks).items()}
    if network_id is not None and network_id not in networks:
        raise ConfigurationError(
            f"--network {quoted(network_id)}: nothing is there of it, nor is it one of METRLA_NETWORKS: "
            f"{one_line(', '.join(networks))}"
        )
    places = list(networks.values()) if network_id is None else [networks[network_id]]
    if sensor_id is not None and not any(sensor_id in place.index for place in places):
        raise ConfigurationError(
            f"--sensor {quoted(sensor_id)}: nothing is there of it, nor is it in a network of METRLA_NETWORKS"
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
    start, stop = read_time("--from", begin, zone), read_time("--to", end, zone)
    if start is not None and stop is not None and start >= stop:
        raise ConfigurationError(f"--from {begin} is not before --to {end}")
    return start, stop


def read_time(option: str, text: str | None, zone: tzinfo) -> datetime | None:
    """The instant (UTC) of an option, `None` where it is not given; raises `ConfigurationError`."""
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text.strip())
        instant = (instant if instant.tzinfo else instant.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as wrong:
        raise ConfigurationError(
            f"{option} {text!r}: write an ISO 8601 time as 2012-05-02, 2012-05-02T08:00 or 2012-05-02T08:00-07:00"
        ) from wrong
    if not time_in_span(instant):
        raise ConfigurationError(f"{option} {text!r} is not within {EARLIEST:%Y-%m-%d} to {LATEST:%Y-%m-%d}")
    return instant
