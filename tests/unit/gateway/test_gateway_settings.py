from typing import Any

import pytest
from pydantic import SecretStr

from services.gateway.settings import GatewaySettings


def test_origins_are_split_and_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRLA_GATEWAY_CORS_ORIGINS", "http://a:1, https://b")
    assert GatewaySettings().cors_origins == ("http://a:1", "https://b")


@pytest.mark.parametrize("wrong", ["a", "http://a/path", "http://a/", "//a"])
def test_what_is_no_origin_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="is no origin"):
        GatewaySettings(cors_origins=(wrong,))


def test_the_defaults_are_the_contract() -> None:
    settings = GatewaySettings()
    assert settings.cors_origins == ("http://localhost:3000", "http://127.0.0.1:3000")
    assert (settings.host, settings.port, settings.push_interval_s) == ("127.0.0.1", 8000, 5.0)


OPEN: dict[str, Any] = {"host": "0.0.0.0"}  # noqa: S104 - refused


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (OPEN | {"write_token": "demo"}, "16 or more"),
        ({"host": "gateway.example", "write_token": "short"}, "16 or more"),
        ({"reads": "key"}, "needs keys"),
        ({"tls_certificate": "x.pem"}, "come together"),
        ({"jwt_issuer": "https://id.example"}, "come together"),
        ({"jwt_issuer": "i", "jwt_audience": "a", "jwt_jwks_url": "http://id.example/keys"}, "no https"),
        ({"jwt_issuer": "i", "jwt_audience": "a", "jwt_jwks_url": "file:///etc/passwd"}, "no https"),
        ({"allowed_hosts": ("http://a",)}, "no name of a host"),
        ({"allowed_hosts": ("a:80",)}, "no name of a host"),
        ({"trusted_proxies": ("proxy",)}, "does not appear to be"),
    ],
)
def test_a_gateway_that_would_be_open_does_not_start(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        GatewaySettings(**settings)


def test_a_short_token_is_for_this_machine_alone() -> None:
    for host in ("127.0.0.1", "::1", "localhost"):
        assert GatewaySettings(host=host, write_token=SecretStr("demo")).has_credentials
    assert GatewaySettings(**OPEN, write_token=SecretStr("x" * 16)).has_credentials


def test_websockets_never_take_all_connections() -> None:
    few = GatewaySettings().within(192)
    assert (few.max_connections, few.max_websocket_clients, few.max_websocket_clients_per_address) == (192, 96, 48)
