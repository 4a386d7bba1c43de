"""The embedded broker: the Kafka protocol on loopback, in memory, in pure Python.

It serves stock clients (aiokafka, librdkafka, Faust) for the demo, for tests and for notebooks. It is not durable,
not replicated and not transactional: whatever needs one of the three needs a real Kafka.

Layers, each usable without the one above it::

    broker, settings     the whole as one object, and what it can be told
    server, __main__     TCP on 127.0.0.1, one task per connection
    housekeeping         what happens between requests: retention, compaction, expiry
    handlers/            one module per family of requests: (request, connection) -> response
    groups/              consumer groups: a state machine that is told the time, and the coordinator that feeds it
    log/                 partitions, retention, compaction, idempotent producers: no sockets
    wire/                frames, requests and responses as mappings

Wire format. `aiokafka.protocol` was preferred to `kio` 0.6.5. Encoding costs the same (12 us for a produce response,
55 to 63 us for a fetch of eight partitions); decoding, where kio's Rust core is 5 to 9 times faster, costs 10 to 20
us of the 160 us of processor time that a request takes. kio is public, typed and complete (every version of every
API, Apache-2.0), but adds a native dependency whose source distribution does not build, and one class per version and
nesting level with integer, duration and error types of its own. aiokafka is here anyway, is pinned to one minor
release, and its schemas are plain data that `wire.codec` walks by field name. If an API beyond the non-flexible
versions is needed, kio is the way.
"""

from metrla.local.devbroker.broker import DevBroker
from metrla.local.devbroker.settings import BrokerSettings

__all__ = ["BrokerSettings", "DevBroker"]
