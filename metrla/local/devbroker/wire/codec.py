"""Requests and responses as mappings by field name, walked along aiokafka's schemas.

A response may hold more fields than its version knows: what the schema does not name is left out, so a handler builds
the newest form once for all versions.
"""

import struct
from collections.abc import Mapping
from io import BytesIO
from typing import Any, NamedTuple

from aiokafka.protocol.types import Array, Bytes, Int32, Schema, String

_HEADER = struct.Struct(">hhi")
_INT32 = struct.Struct(">i")
_STRING = String("utf-8")
# A part of a schema, and what it describes: aiokafka types neither.
_Kind = Any
_Value = Any


class MalformedRequestError(ValueError):
    """The bytes of a request do not follow its schema; only its connection can be closed."""


class RequestHeader(NamedTuple):
    """The part of a request header that every version shares."""

    api_key: int
    api_version: int
    correlation_id: int


def read_header(frame: bytes) -> RequestHeader:
    """Decode the first eight bytes of a request frame (without its length prefix).

    Raises:
        MalformedRequestError: the frame is shorter.
    """
    if len(frame) < _HEADER.size:
        raise MalformedRequestError(f"a request of {len(frame)} bytes has no header")
    return RequestHeader._make(_HEADER.unpack_from(frame))


def read_request(frame: bytes, schema: Schema) -> tuple[str, dict[str, Any]]:
    """Decode the client id and the body of a non-flexible request.

    Raises:
        MalformedRequestError: truncated, oversized or undecodable fields.
    """
    stream = BytesIO(frame)
    stream.seek(_HEADER.size)
    try:
        client_id = _STRING.decode(stream)
        body = _read(schema, stream, len(frame))
    except (ValueError, struct.error) as error:
        raise MalformedRequestError(str(error)) from error
    return client_id or "", body


def encode_response(correlation_id: int, schema: Schema, body: Mapping[str, Any]) -> bytes:
    """Encode a whole response frame, length prefix included."""
    parts: list[bytes] = [b"", _INT32.pack(correlation_id)]
    _write(schema, body, parts)
    parts[0] = _INT32.pack(sum(map(len, parts)))
    return b"".join(parts)


def _read(kind: _Kind, stream: BytesIO, limit: int) -> _Value:
    if isinstance(kind, Schema):
        return {name: _read(field, stream, limit) for name, field in zip(kind.names, kind.fields, strict=True)}
    if isinstance(kind, Array):
        count = Int32.decode(stream)
        if count < 0:
            return None
        if count > limit:
            raise ValueError(f"an array of {count} elements in a request of {limit} bytes")
        return [_read(kind.array_of, stream, limit) for _ in range(count)]
    return kind.decode(stream)


def _write(kind: _Kind, value: _Value, parts: list[bytes]) -> None:
    if isinstance(kind, Schema):
        for name, field in zip(kind.names, kind.fields, strict=True):
            _write(field, value[name], parts)
    elif isinstance(kind, Array):
        parts.append(_INT32.pack(-1 if value is None else len(value)))
        for item in value or ():
            _write(kind.array_of, item, parts)
    elif kind is Bytes and value is not None:
        # Record data is appended as it is, so that a fetch of many megabytes is copied once, by the final join.
        parts.append(_INT32.pack(len(value)))
        parts.append(value)
    else:
        parts.append(kind.encode(value))
