"""Asks a Confluent schema registry which schema a message of its wire format was written with.

Every id is asked for once: an id never changes its schema. It is asked synchronously, in the middle of decoding: that
happens once per schema version in the life of a process, every other message finds its schema in a dictionary.
"""

import json
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

import httpx
from avro.errors import AvroException
from fastavro import parse_schema
from fastavro.schema import SchemaParseException

from shared.events.avro import ParsedSchema
from shared.events.errors import (
    ConfigurationError,
    RejectedEventError,
    RejectionReason,
    SchemaRegistryUnavailableError,
)
from shared.events.published import current_schema
from shared.schemas.compatibility import breaks

TIMEOUT_S = 2.0
# How long the registry is left alone after it did not answer, and an id after it had none: neither a registry that is
# down nor a producer of nonsense may hold every message for TIMEOUT_S.
PAUSE_S = 5.0
# A whole answer, however it trickles, and however large a schema is.
DEADLINE_S = 5.0
MAX_BYTES = 4 * 1024 * 1024
SCHEMA_NOT_FOUND = 40403
MEDIA_TYPE = "application/vnd.schemaregistry.v1+json, application/json"


class SchemaRegistry:
    """A caching client of one schema registry; not for use by several threads at once.

    Args:
        url: where the registry answers; user and password may stand in it, as in https://user:password@host/.
        clock: seconds that only grow; for tests.

    Raises:
        ConfigurationError: `url` is not an http or https URL.
    """

    def __init__(self, url: str, *, clock: Callable[[], float] = monotonic) -> None:
        try:
            base = httpx.URL(url)
        except httpx.InvalidURL as invalid:
            raise ConfigurationError(f"METRLA_SCHEMA_REGISTRY_URL: {url!r}: {invalid}") from invalid
        if base.scheme not in {"http", "https"} or not base.host:
            raise ConfigurationError(f"METRLA_SCHEMA_REGISTRY_URL: {url!r} is not an http:// or https:// URL")
        self._client = httpx.Client(base_url=base, timeout=TIMEOUT_S, headers={"Accept": MEDIA_TYPE})
        self._clock = clock
        self._writers: dict[tuple[object, int], ParsedSchema] = {}
        self._unfit: dict[tuple[object, int], str] = {}
        self._missing_until: dict[int, float] = {}
        self._silence: tuple[float, str] = (-1.0, "")

    def writer(self, kind: type[Any], schema_id: int) -> ParsedSchema:
        """The schema with that id, parsed and readable as `kind`.

        Raises:
            RejectedEventError: UNKNOWN_SCHEMA: the registry has no such id, or its schema cannot be read as `kind`.
            SchemaRegistryUnavailableError: the registry does not answer; the message may be good, try again.
        """
        known = self._writers.get((kind, schema_id))
        if known is not None:
            return known
        if (kind, schema_id) not in self._unfit:
            answer = self._ask(schema_id)
            fault = _fault(answer, kind)
            if fault is None:
                return self._writers.setdefault((kind, schema_id), parse_schema(_definition(answer)))
            self._unfit[kind, schema_id] = f"schema id {schema_id}: {fault}"
        raise RejectedEventError(RejectionReason.UNKNOWN_SCHEMA, self._unfit[kind, schema_id])

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask(self, schema_id: int) -> Mapping[str, Any]:
        now = self._clock()
        if now < self._missing_until.get(schema_id, now):
            raise _not_found(schema_id)
        silent_until, complaint = self._silence
        if now < silent_until:
            raise SchemaRegistryUnavailableError(complaint)
        try:
            with self._client.stream("GET", f"schemas/ids/{schema_id}") as response:
                answer = json.loads(_whole(response, monotonic() + DEADLINE_S))
        except (httpx.HTTPError, ValueError, RecursionError) as failed:
            raise self._silent(f"{type(failed).__name__}: {failed}") from failed
        if not isinstance(answer, dict):
            raise self._silent(f"status {response.status_code} with an answer that is not a registry's")
        # Only the registry's own error code: a bare 404 comes from a wrong URL, and would condemn every message.
        if answer.get("error_code") == SCHEMA_NOT_FOUND:
            self._missing_until[schema_id] = now + PAUSE_S
            raise _not_found(schema_id)
        if not response.is_success or "schema" not in answer:
            raise self._silent(f"status {response.status_code}: {answer.get('message', 'no schema in the answer')}")
        return answer

    def _silent(self, what: str) -> SchemaRegistryUnavailableError:
        where = self._client.base_url.copy_with(userinfo=b"")
        complaint = f"schema registry {where}: {what}"
        self._silence = (self._clock() + PAUSE_S, complaint)
        return SchemaRegistryUnavailableError(complaint)


def _not_found(schema_id: int) -> RejectedEventError:
    return RejectedEventError(RejectionReason.UNKNOWN_SCHEMA, f"the schema registry has no schema id {schema_id}")


def _definition(answer: Mapping[str, Any]) -> dict[str, Any]:
    definition = json.loads(answer["schema"])
    if not isinstance(definition, dict):
        raise ValueError(f"{definition!r} is not a record")  # noqa: TRY004  one error for every schema that is none
    return definition


def _whole(response: httpx.Response, until: float) -> bytes:
    """The body; raises `ValueError` where it is too large or comes too slowly."""
    data = bytearray()
    for piece in response.iter_bytes():
        data += piece
        if len(data) > MAX_BYTES:
            raise ValueError(f"an answer of more than {MAX_BYTES // 2**20} MiB")
        if monotonic() > until:
            raise ValueError(f"no complete answer within {DEADLINE_S:g} s")
    return bytes(data)


def _fault(answer: Mapping[str, Any], kind: type[Any]) -> str | None:
    """Why messages of the schema in `answer` cannot be read as `kind`, if they cannot."""
    if answer.get("schemaType", "AVRO") != "AVRO":
        return f"it is {answer['schemaType']}, not Avro"
    if answer.get("references"):
        return "it refers to other schemas of the registry, which is not supported"
    try:
        definition = _definition(answer)
        parse_schema(definition)
        found = breaks(current_schema(kind.__name__).definition, definition)
    except (AvroException, SchemaParseException, ValueError, TypeError, KeyError) as invalid:
        return f"it is not a valid record schema: {invalid}"
    return "; ".join(found) or None
