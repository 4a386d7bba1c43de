"""Where a Thrift1 server is: `hbase://host:9090?prefix=…&pool=4&timeout_s=15&transport=buffered&protocol=binary`."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import URL

from shared.events.errors import ConfigurationError


class ThriftAddress(BaseModel):
    """Where a Thrift1 server is and how to speak with it.

    `timeout_s` bounds each wait for the server and each wait for a free one of the `pool` connections. Where `prefix`
    is not empty, it and `_` stand before the name of every table; it may name an HBase namespace too, as in
    `namespace:prefix`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] = 9090
    prefix: Annotated[str, Field(pattern=r"^(([A-Za-z0-9_]+:)?[A-Za-z0-9_][A-Za-z0-9_.-]*)?$")] = ""
    pool: Annotated[int, Field(ge=1, le=64)] = 4
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 15.0
    transport: Literal["buffered", "framed"] = "buffered"
    protocol: Literal["binary", "compact"] = "binary"

    def __str__(self) -> str:
        return f"HBase Thrift server {self.host}:{self.port}"


def thrift_address(url: URL) -> ThriftAddress:
    """The address that a store's URL names.

    Raises:
        ConfigurationError: it names no host, or something that has no place in it.
    """
    given: dict[str, Any] = {"host": url.host or "", **url.query} | ({"port": url.port} if url.port is not None else {})
    if url.database or url.username or url.password:
        raise ConfigurationError(f"store URL {url.render_as_string()!r}: write hbase://host:port, options after '?'")
    try:
        return ThriftAddress(**given)
    except ValidationError as invalid:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in invalid.errors())
        raise ConfigurationError(f"store URL {url.render_as_string()!r}: {faults}") from invalid
