"""Which hosts the gateway answers for, and whose pages may open a WebSocket. Pure.

A page of a stranger can point its own name at our address (DNS rebinding). The browser then says that name as `Host`,
and takes page and gateway for one origin. So names are answered only where they are ours. An address cannot be rebound.
"""

import re
from collections.abc import Iterable
from ipaddress import ip_address, ip_network

_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
LOCAL_NAMES = frozenset({"localhost"})
# What a browser leaves out. A proxy that ends TLS makes the one of the other.
WEB_PORTS = frozenset({"80", "443"})


def host_name(host: str) -> str:
    """The name or address in a `Host` header, without its port, in lower case."""
    text = host.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    name, colon, port = text.rpartition(":")
    return (name if colon and port.isdigit() else text).rstrip(".")


def is_ours(host: str, allowed: Iterable[str]) -> bool:
    """Whether the gateway answers for a `Host`: an address, localhost, or one of `allowed` (`*` for all)."""
    if _HOST.fullmatch(host) is None:
        return False
    name = host_name(host)
    names = {each.lower() for each in allowed}
    if "*" in names or name in names or name in LOCAL_NAMES:
        return True
    if any(each.startswith("*.") and name.endswith(each[1:]) for each in names):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def may_open(origin: str | None, host: str, origins: Iterable[str]) -> bool:
    """Whether a page of `origin` may open a WebSocket here: one of `origins`, or our own page. Not a page: it may."""
    if origin is None:
        return True
    allowed = set(origins)
    if "*" in allowed or origin in allowed:
        return True
    scheme, _, place = origin.partition("://")
    return scheme in {"http", "https"} and _place(place) == _place(host)


def _place(netloc: str) -> tuple[str, str]:
    port = netloc.rpartition(":")[2] if ":" in netloc else ""
    return host_name(netloc), port if port.isdigit() and port not in WEB_PORTS else ""


class Trusted:
    """Addresses of reverse proxies whose word on who asks is taken; raises `ValueError` for what is no address."""

    def __init__(self, proxies: Iterable[str]) -> None:
        self._networks = [ip_network(each, strict=False) for each in proxies]

    def __contains__(self, address: object) -> bool:
        if not self._networks or not isinstance(address, str):
            return False
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)
