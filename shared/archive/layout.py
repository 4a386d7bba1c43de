"""Where things are in the archive. Pure.

traffic-data/raw/network=<id>/year=YYYY/month=MM/day=DD/hour=HH/traffic-events+<partition>+<first>+<last>.avro
traffic-data/raw/_pending/traffic-events+<partition>.json
traffic-data/raw/_pending/probe
traffic-data/models/<network>/<model name>/<version>/<file>
traffic-data/models/<network>/champion.json
traffic-data/models/<network>/recent-speeds/YYYYMMDDTHHMMSSZ.safetensors

Hours are hours of event time in UTC. File names follow Kafka Connect's HDFS sink: offsets are inclusive and padded with
zeros to ten digits. Ids are percent-encoded, so that none of them can leave its folder; one that is then longer than
file systems allow is cut, and told apart by a digest.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import quote, unquote

from shared.events.records import NetworkId
from shared.events.topics import TRAFFIC_EVENTS

RAW_ROOT = "traffic-data/raw"
MODELS_ROOT = "traffic-data/models"
# Where an archive is tried: beside what ingest writes, and below no network.
PROBE_PATH = f"{RAW_ROOT}/_pending/probe"
MODEL_FILE = "model.safetensors"
ONNX_FILE = "model.onnx"
CARD_FILE = "card.json"

# Local file systems and HDFS allow 255 bytes, of which `network=` takes eight.
MAX_SEGMENT, DIGEST_DIGITS = 240, 20
# Stands in no encoded id.
CUT = "="
_CUT_SEGMENT = re.compile(rf"[^/{CUT}]{{{MAX_SEGMENT - DIGEST_DIGITS - 1}}}{CUT}[0-9a-f]{{{DIGEST_DIGITS}}}")

_HOUR = timedelta(hours=1)
_INSTANT = "%Y%m%dT%H%M%SZ"
_RAW_PATH = re.compile(
    rf"{RAW_ROOT}/network=(?P<network>[^/]+)"
    r"/year=(?P<year>\d{4})/month=(?P<month>\d{2})/day=(?P<day>\d{2})/hour=(?P<hour>\d{2})"
    rf"/{TRAFFIC_EVENTS.name}\+(?P<partition>\d+)\+(?P<first>\d{{10,}})\+(?P<last>\d{{10,}})\.avro"
)


@dataclass(frozen=True, slots=True)
class RawFile:
    """What the path of a raw file tells: events of one network, one hour and one partition, offsets inclusive.

    Of an id that was cut `network_id` is what the path has of it, which stands for it in every function here.
    """

    network_id: NetworkId
    hour: datetime
    partition: int
    first_offset: int
    last_offset: int

    @property
    def path(self) -> str:
        """Its path below the archive's root."""
        return raw_path(self.network_id, self.hour, self.partition, self.first_offset, self.last_offset)


def hour_of(timestamp: datetime) -> datetime:
    """Start of the UTC hour that `timestamp` (aware) falls in: what events are filed under."""
    return timestamp.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def raw_path(network_id: NetworkId, hour: datetime, partition: int, first_offset: int, last_offset: int) -> str:
    """Path of the file that holds events of `hour` (any instant in it) from offsets first to last, both inclusive."""
    name = f"{TRAFFIC_EVENTS.name}+{partition}+{first_offset:010d}+{last_offset:010d}.avro"
    return f"{_hour_prefix(network_id, hour_of(hour))}/{name}"


def parse_raw_path(path: str) -> RawFile | None:
    """What a raw file's path tells; `None` where it is not one."""
    match = _RAW_PATH.fullmatch(path)
    if match is None:
        return None
    try:
        year, month, day, hour_number = (int(match[part]) for part in ("year", "month", "day", "hour"))
        hour = datetime(year, month, day, hour_number, tzinfo=UTC)
    except ValueError:
        return None
    segment = match["network"]
    network_id = NetworkId(segment if _CUT_SEGMENT.fullmatch(segment) else unquote(segment))
    return RawFile(network_id, hour, int(match["partition"]), int(match["first"]), int(match["last"]))


def pending_path(partition: int) -> str:
    """Path of the archiver's intent for one partition: the files that it is about to write."""
    return f"{RAW_ROOT}/_pending/{TRAFFIC_EVENTS.name}+{partition}.json"


def network_prefix(network_id: NetworkId) -> str:
    """Folder of all raw files of one network."""
    return f"{RAW_ROOT}/network={_encoded(network_id)}"


def raw_prefixes(network_id: NetworkId, start: datetime | None, end: datetime | None) -> Iterator[str]:
    """Folders that together hold the events with start <= timestamp < end, in time order.

    As few as whole days, months and years allow; they may hold some minutes more than the range at both ends. An open
    end gives the folder of the whole network, which the reader then filters.
    """
    if start is None or end is None:
        yield network_prefix(network_id)
        return
    hour = hour_of(start)
    stop = end.astimezone(UTC)
    while start < stop and hour < stop:
        hour, prefix = _largest_from(network_id, hour, stop)
        yield prefix


def model_prefix(network_id: NetworkId, model_name: str | None = None, version: str | None = None) -> str:
    """Folder of a network's models, of one model's versions, or of one version."""
    parts = [network_id, *(part for part in (model_name, version) if part is not None)]
    return "/".join([MODELS_ROOT, *(_segment(part) for part in parts)])


def model_path(network_id: NetworkId, model_name: str, version: str, file: str) -> str:
    """Path of one file of a model version: `MODEL_FILE`, `ONNX_FILE` or `CARD_FILE`."""
    return f"{model_prefix(network_id, model_name, version)}/{file}"


def parse_model_path(path: str) -> tuple[str, str, str] | None:
    """Model name, version and file that the path of a model's file tells; `None` where it is not one."""
    parts = path.removeprefix(f"{MODELS_ROOT}/").split("/")
    if len(parts) != 4 or not path.startswith(MODELS_ROOT):  # noqa: PLR2004 - as `model_path` has behind the root
        return None
    return unquote(parts[1]), unquote(parts[2]), parts[3]


def champion_path(network_id: NetworkId) -> str:
    """Path of the file that says which model of a network serves."""
    return f"{model_prefix(network_id)}/champion.json"


def recent_prefix(network_id: NetworkId) -> str:
    """Folder of the recent speeds that a network begins with."""
    return f"{model_prefix(network_id)}/recent-speeds"


def recent_path(network_id: NetworkId, until: datetime) -> str:
    """Path of recent speeds as of the window that ends at `until` (aware)."""
    return f"{recent_prefix(network_id)}/{until.astimezone(UTC):{_INSTANT}}.safetensors"


def parse_recent_path(path: str) -> datetime | None:
    """Until when the recent speeds at a path are; `None` where there are none."""
    try:
        return datetime.strptime(path.rpartition("/")[2], f"{_INSTANT}.safetensors").replace(tzinfo=UTC)
    except ValueError:
        return None


def _segment(name: str) -> str:
    encoded = _encoded(name)
    return f"%2E{encoded[1:]}" if encoded.startswith(".") else encoded


def _encoded(name: str) -> str:
    """Percent-encoded up to the length of a file's name; else the beginning of that and a digest."""
    if _CUT_SEGMENT.fullmatch(name):
        return name
    encoded = quote(name, safe="")
    if len(encoded) <= MAX_SEGMENT:
        return encoded
    return f"{encoded[: MAX_SEGMENT - DIGEST_DIGITS - 1]}{CUT}{sha256(encoded.encode()).hexdigest()[:DIGEST_DIGITS]}"


def _hour_prefix(network_id: NetworkId, hour: datetime) -> str:
    return f"{network_prefix(network_id)}/year={hour.year:04d}/month={hour:%m}/day={hour:%d}/hour={hour:%H}"


def _largest_from(network_id: NetworkId, hour: datetime, stop: datetime) -> tuple[datetime, str]:
    """The largest folder that begins at `hour` and ends by `stop` (at least one hour): its end and its path."""
    prefix = network_prefix(network_id)
    if hour.hour == 0:
        day = hour + timedelta(days=1)
        month = (hour.replace(day=1) + timedelta(days=32)).replace(day=1) if hour.day == 1 else None
        year = hour.replace(year=hour.year + 1) if month and hour.month == 1 else None
        if year and year <= stop:
            return year, f"{prefix}/year={hour.year:04d}"
        if month and month <= stop:
            return month, f"{prefix}/year={hour.year:04d}/month={hour:%m}"
        if day <= stop:
            return day, f"{prefix}/year={hour.year:04d}/month={hour:%m}/day={hour:%d}"
    return hour + _HOUR, _hour_prefix(network_id, hour)
