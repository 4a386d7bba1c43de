"""API keys: made, hashed, rotated and revoked in one JSON file.

A key is `mk_<id>_<secret>`. The secret has 256 random bits, so its SHA-256 is as hard to invert as guessing it: a slow
hash such as Argon2 protects secrets that people choose, and would give strangers a way to spend our processor time.
"""

import fcntl
import json
import os
import re
import secrets
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from services.gateway.access.principals import Principal, Scope
from shared.events.errors import ConfigurationError
from shared.events.text import TextLimit
from shared.runtime.output_file import PRIVATE_MODE, output_file
from shared.traffic.text_file import read_small_file

PREFIX = "mk"
ID_BYTES, SECRET_BYTES = 6, 32
MOST_KEYS = 10_000
MOST_NAME_CHARACTERS = 100
_FORM = re.compile(r"mk_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


class AccessKey(BaseModel):
    """One key as the file has it; `digest` is the SHA-256 of the whole key, in hex."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key_id: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
    name: Annotated[str, TextLimit(MOST_NAME_CHARACTERS, may_be_empty=False)]
    scopes: Annotated[frozenset[Scope], Field(min_length=1)]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None

    def state(self, now: datetime) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"


class _KeyFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Annotated[int, Field(ge=1, le=1)] = 1
    keys: Annotated[list[AccessKey], Field(max_length=MOST_KEYS)] = []


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys by their id; immutable, every change makes another."""

    keys: Mapping[str, AccessKey]

    @classmethod
    def of(cls, keys: Iterable[AccessKey]) -> "KeyRing":
        """Of these keys."""
        return cls({key.key_id: key for key in keys})

    def created(
        self, name: str, scopes: Iterable[Scope], now: datetime, lifetime: timedelta | None
    ) -> tuple["KeyRing", AccessKey, str]:
        """With one more key; returns the ring, the key, and the secret text, which nothing else ever says."""
        key_id = secrets.token_hex(ID_BYTES)
        text = f"{PREFIX}_{key_id}_{secrets.token_urlsafe(SECRET_BYTES)}"
        key = AccessKey(
            key_id=key_id,
            name=name,
            scopes=frozenset(scopes),
            digest=_digest(text),
            created_at=now,
            expires_at=None if lifetime is None else now + lifetime,
        )
        return replace(self, keys={**self.keys, key_id: key}), key, text

    def rotated(
        self, key_id: str, now: datetime, overlap: timedelta, lifetime: timedelta | None
    ) -> tuple["KeyRing", AccessKey, str]:
        """With a successor of a key, which itself expires after `overlap`; raises `ConfigurationError`."""
        old = self._active(key_id, now)
        ring, key, text = self.created(old.name, old.scopes, now, lifetime)
        end = now + overlap
        ends = old.model_copy(update={"expires_at": end if old.expires_at is None else min(end, old.expires_at)})
        return replace(ring, keys={**ring.keys, old.key_id: ends}), key, text

    def revoked(self, key_id: str, now: datetime) -> "KeyRing":
        """With a key that is no longer good; raises `ConfigurationError`."""
        key = self._known(key_id)
        gone = key if key.revoked_at is not None else key.model_copy(update={"revoked_at": now})
        return replace(self, keys={**self.keys, key.key_id: gone})

    def principal(self, text: str, now: datetime) -> Principal | None:
        """Whose key `text` is, `None` where it is nobody's, or no longer."""
        form = _FORM.fullmatch(text)
        key = None if form is None else self.keys.get(form[1])
        # Compared even where there is no such key, so that the time says nothing about ids.
        right = secrets.compare_digest(_digest(text), "0" * 64 if key is None else key.digest)
        if key is None or not right or key.state(now) != "active":
            return None
        return Principal(f"key {key.key_id} ({key.name})", key.scopes)

    def _known(self, key_id: str) -> AccessKey:
        found = [key for key in self.keys.values() if key_id in {key.key_id, key.name}]
        if len(found) != 1:
            raise ConfigurationError(
                f"there is no key {key_id!r}" if not found else f"several keys are named {key_id!r}; say the id"
            )
        return found[0]

    def _active(self, key_id: str, now: datetime) -> AccessKey:
        key = self._known(key_id)
        if key.state(now) != "active":
            raise ConfigurationError(f"key {key_id} is {key.state(now)}")
        return key


def read_keys(path: Path) -> KeyRing:
    """The keys of a file; raises `ConfigurationError` where it is missing or no such file."""
    try:
        return KeyRing.of(_KeyFile.model_validate_json(read_small_file(path).removeprefix(BOM_UTF8)).keys)
    except ValidationError as wrong:
        fault = wrong.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, fault["loc"])) or "file"
        raise ConfigurationError(f"{path}: no file of keys: {where}: {fault['msg']}") from wrong


@contextmanager
def sole_writer(path: Path) -> Iterator[None]:
    """Hold off other processes that want to change the file; whoever only reads it is not held up.

    Whoever changes a file of keys reads and writes it inside: of two who do so at once, the second would otherwise undo
    what the first has written, and a revoked key would be good again.

    Raises:
        ConfigurationError: the folder cannot be written.
    """
    # A file of its own, since the file of keys itself is replaced; it stays, for whoever waits for it holds it open.
    lock = path.with_name(f".{path.name}.lock")
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as failed:
        raise ConfigurationError(f"{lock}: {failed.strerror}") from failed
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def write_keys(path: Path, ring: KeyRing) -> None:
    """Replace the file at once, readable by its owner alone, inside `sole_writer`; raises `ConfigurationError`."""
    rows = [json.loads(key.model_dump_json()) for key in ring.keys.values()]
    for row in rows:
        row["scopes"] = sorted(row["scopes"])
    with output_file(path, new_mode=PRIVATE_MODE) as file:
        json.dump({"version": 1, "keys": rows}, file, indent=2)
        file.write("\n")


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
