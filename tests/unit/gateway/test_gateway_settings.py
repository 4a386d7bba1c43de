import pytest

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
