from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.access.keyring import Keyring
from services.gateway.access.keys import KeyRing, read_keys, write_keys
from services.gateway.access.limits import Bucket, Buckets
from services.gateway.access.origins import Trusted, is_ours, may_open
from services.gateway.access.principals import ANONYMOUS, Principal, Scope
from services.gateway.access.tokens import scopes_of
from shared.events.errors import ConfigurationError

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def test_a_key_is_known_by_its_hash_alone(tmp_path: Path) -> None:
    ring, key, text = KeyRing({}).created("import", [Scope.INGEST], NOW, DAY)
    path = tmp_path / "keys.json"
    write_keys(path, ring)
    assert text.rpartition("_")[2] not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    who = read_keys(path).principal(text, NOW)
    assert who is not None
    assert (who.scopes, key.key_id in who.name) == (frozenset({Scope.INGEST}), True)


@given(st.text(max_size=80))
def test_no_other_text_is_a_key(text: str) -> None:
    ring, key, right = KeyRing({}).created("one", [Scope.ADMIN], NOW, None)
    assert ring.principal(text, NOW) is None
    assert ring.principal(f"mk_{key.key_id}_{text}", NOW) is None
    assert ring.principal(right + text, NOW) is None or not text
    assert ring.principal(right[:-1], NOW) is None


def test_keys_expire_rotate_and_are_revoked() -> None:
    ring, key, old = KeyRing({}).created("one", [Scope.READ], NOW, 10 * DAY)
    ring, _, new = ring.rotated("one", NOW + DAY, DAY, None)
    assert [ring.principal(text, NOW + 1.5 * DAY) is not None for text in (old, new)] == [True, True]
    assert [ring.principal(text, NOW + 2 * DAY) is not None for text in (old, new)] == [False, True]
    gone = ring.revoked(key.key_id, NOW + DAY)
    assert gone.principal(old, NOW + DAY) is None
    with pytest.raises(ConfigurationError, match="is revoked"):
        gone.rotated(key.key_id, NOW + DAY, DAY, None)
    with pytest.raises(ConfigurationError, match="several keys"):
        ring.revoked("one", NOW)
    with pytest.raises(ConfigurationError, match="no key 'two'"):
        ring.revoked("two", NOW)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"keys": 1}', '{"version": 2}', '{"keys": [{"key_id": "x"}]}', "\x00", '{"keys": [], "x": 1}'],
)
def test_what_is_no_file_of_keys_is_said_in_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match="no file of keys") as wrong:
        read_keys(path)
    assert "\n" not in str(wrong.value)


def test_scopes_hold_what_they_say() -> None:
    operator = Principal("x", frozenset({Scope.OPERATE}))
    assert operator.may(Scope.OPERATE, Scope.INGEST)
    assert operator.may(Scope.READ)
    assert not operator.may(Scope.INGEST)
    assert Principal("x", frozenset({Scope.ADMIN})).may(Scope.INGEST)
    assert not ANONYMOUS.may(Scope.READ)


async def test_keys_are_read_again_and_a_damaged_file_leaves_the_old_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.gateway.access.keyring.LOOK_AGAIN_S", 0.0)
    path = tmp_path / "keys.json"
    ring, key, text = KeyRing({}).created("one", [Scope.READ], NOW, None)
    write_keys(path, ring)
    keyring = Keyring(None, path, None, lambda: NOW)
    assert await keyring.principal(text) is not None
    path.write_text("damaged")
    assert await keyring.principal(text) is not None
    path.unlink()
    assert await keyring.principal(text) is not None
    write_keys(path, ring.revoked(key.key_id, NOW))
    assert await keyring.principal(text) is None


def test_a_missing_file_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        Keyring(None, tmp_path / "none.json", None, lambda: NOW)


@pytest.mark.parametrize(
    ("claim", "scopes"),
    [
        ("read metrla:ingest openid", {Scope.READ, Scope.INGEST}),
        (["metrla:admin", 3, None], {Scope.ADMIN}),
        (None, set()),
        ({"read": True}, set()),
        (3, set()),
    ],
)
def test_scopes_of_a_token(claim: object, scopes: set[Scope]) -> None:
    assert scopes_of(claim) == scopes


@given(st.lists(st.tuples(st.floats(0, 5), st.booleans()), max_size=60))
def test_a_bucket_gives_no_more_than_its_burst_and_its_rate(steps: list[tuple[float, bool]]) -> None:
    now = 0.0
    bucket = Bucket(2.0, 5, lambda: now)
    given_out = 0
    for pause, _ in steps:
        now += pause
        wait = bucket.take()
        assert 0.0 <= wait <= 0.5
        given_out += wait == 0.0
        assert given_out <= 5 + 2.0 * now + 1e-6


def test_buckets_forget_whoever_was_not_seen_for_longest() -> None:
    buckets = Buckets(1.0, 1, most=100)
    for holder in range(10_000):
        assert buckets.take(holder) == 0.0
    assert len(buckets) == 100
    assert buckets.take(9_999) > 0.0


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("localhost", True),
        ("LOCALHOST:8000", True),
        ("127.0.0.1:8000", True),
        ("[::1]:8000", True),
        ("10.1.2.3", True),
        ("traffic.example.org", True),
        ("Traffic.Example.org.:443", True),
        ("a.b.city.example", True),
        ("city.example", False),
        ("evil", False),
        ("evil.example.org", False),
        ("traffic.example.org.evil", False),
        ("localhost.evil", False),
        ("127.0.0.1.evil", False),
        ("", False),
        ("[::1", False),
        ("localhost/..", False),
        ("user@localhost", False),
        ("localhost:80:80", False),
    ],
)
def test_hosts_that_are_ours(host: str, *, ours: bool) -> None:
    assert is_ours(host, ("traffic.example.org", "*.city.example")) is ours


@given(st.text(max_size=40))
def test_any_host_is_answered_or_refused(host: str) -> None:
    assert is_ours(host, ()) in {True, False}
    assert may_open(f"http://{host}", "localhost", ()) in {True, False}


@pytest.mark.parametrize(
    ("origin", "host", "may"),
    [
        (None, "localhost:8000", True),
        ("http://localhost:8000", "localhost:8000", True),
        ("https://traffic.example.org", "traffic.example.org", True),
        ("http://LOCALHOST", "localhost:80", True),
        ("http://other:3000", "localhost:8000", True),
        ("http://localhost:8001", "localhost:8000", False),
        ("http://evil", "localhost:8000", False),
        ("null", "localhost:8000", False),
        ("file://localhost:8000", "localhost:8000", False),
    ],
)
def test_pages_that_may_open_a_websocket(origin: str | None, host: str, *, may: bool) -> None:
    assert may_open(origin, host, ("http://other:3000",)) is may


def test_proxies_are_addresses_and_networks() -> None:
    trusted = Trusted(("10.0.0.0/8", "::1"))
    assert ["10.9.8.7" in trusted, "::1" in trusted, "11.0.0.1" in trusted, "x" in trusted] == [
        True,
        True,
        False,
        False,
    ]
