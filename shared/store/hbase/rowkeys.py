r"""The row keys of the HBase store. Pure.

A key is a text of fields, each ended by a NUL byte but the last:

by sensor   `hash(network, sensor) \0 network_id \0 sensor_id \0 reversed time [\0 model_name]`
by time     `hash(network)         \0 network_id \0 reversed time \0 sensor_id [\0 model_name]`
alerts      `hash(network)         \0 network_id \0 reversed time \0 alert_id`
scores      as predictions, with the model's name in the sensor's place and its version behind
models      `hash(network)         \0 network_id \0 model_name \0 model_version`

`hash` is the first two hexadecimal digits of an MD5, over `network_id \0 sensor_id` or `network_id`: it spreads sensors
(and networks) evenly over regions that are split at hexadecimal digits, and any language computes it. `reversed time`
is 2^63 - 1 less the milliseconds since 1970, which always has 19 digits: the newest row of a prefix comes first. NUL
sorts before every other byte, so rows of one time come in the order of their ids, as the `Store` port promises.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import md5

from shared.events.records import NetworkId
from shared.store.encoding import to_millis

SEPARATOR = b"\0"
# The least byte that may follow a prefix beside a separator: a range that ends before it holds all rows of the prefix.
_PAST = b"\1"
# Greater than every key: keys begin with hexadecimal digits.
END = b"g"
_GREATEST_TIME = 2**63 - 1
HASH_DIGITS = 2
HEXADECIMAL = 16


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Row keys from `start` to before `stop`."""

    start: bytes
    stop: bytes

    @property
    def empty(self) -> bool:
        """Whether no key can lie in it."""
        return self.start >= self.stop

    def after(self, key: bytes) -> "KeyRange":
        """What is left of the range after `key`."""
        return KeyRange(key + SEPARATOR, self.stop)


def by_sensor(network_id: str, sensor_id: str, time: datetime, *rest: str) -> bytes:
    """The key that keeps a sensor's rows together, newest first. Raises `ValueError` for an id with a NUL."""
    return sensor_prefix(network_id, sensor_id) + _joined(_reversed(to_millis(time)), *rest)


def by_time(network_id: str, time: datetime, *rest: str) -> bytes:
    """The key that keeps a network's rows together, newest first. Raises `ValueError` for an id with a NUL."""
    return network_prefix(network_id) + _joined(_reversed(to_millis(time)), *rest)


def of_network(network_id: str, *rest: str) -> bytes:
    """The key that keeps a network's rows together by their ids. Raises `ValueError` for an id with a NUL."""
    return network_prefix(network_id) + _joined(*rest)


def sensor_prefix(network_id: str, sensor_id: str) -> bytes:
    """What all keys of a sensor begin with."""
    ids = _joined(network_id, sensor_id)
    return _hash(ids) + SEPARATOR + ids + SEPARATOR


def network_prefix(network_id: str) -> bytes:
    """What all keys by time of a network begin with."""
    ids = _joined(network_id)
    return _hash(ids) + SEPARATOR + ids + SEPARATOR


def within(prefix: bytes, start: datetime | None, end: datetime | None) -> KeyRange:
    """The keys of a prefix whose time lies in [start, end), to the millisecond."""
    # Newest first: the range begins at the last millisecond before `end` and stops past `start`.
    newest = prefix if end is None else prefix + _reversed(to_millis(end) - 1).encode()
    oldest = prefix[:-1] if start is None else prefix + _reversed(to_millis(start)).encode()
    return KeyRange(newest, oldest + _PAST)


def network_of(key: bytes) -> NetworkId:
    """The network that a key names."""
    return NetworkId(key.split(SEPARATOR, 2)[1].decode())


def past_network(key: bytes) -> bytes:
    """The least key that belongs to none of the networks up to that of `key`, a key by time."""
    hashed, network_id, _ = key.split(SEPARATOR, 2)
    return hashed + SEPARATOR + network_id + _PAST


def splits(regions: int) -> Sequence[str]:
    """Where to split a table into regions of equal load: hexadecimal digits, one less than there are regions.

    Raises:
        ValueError: not 1 to 256 regions.
    """
    buckets = HEXADECIMAL**HASH_DIGITS
    if not 1 <= regions <= buckets:
        raise ValueError(f"{regions} regions: 1 to {buckets} can be told apart")
    return tuple(f"{place * buckets // regions:0{HASH_DIGITS}x}" for place in range(1, regions))


def _hash(ids: bytes) -> bytes:
    return md5(ids, usedforsecurity=False).hexdigest()[:HASH_DIGITS].encode()


def _reversed(millis: int) -> str:
    return str(_GREATEST_TIME - millis)


def _joined(*fields: str) -> bytes:
    return SEPARATOR.join(_checked(fields))


def _checked(fields: Sequence[str]) -> Iterator[bytes]:
    for field in fields:
        encoded = field.encode()
        if SEPARATOR in encoded:
            raise ValueError(f"{field!r} holds a NUL character")
        yield encoded
