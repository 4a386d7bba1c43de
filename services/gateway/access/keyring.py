"""One credential in, a principal out: API keys from a file, tokens of an identity provider, the write token."""

import secrets
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from time import monotonic

import structlog

from services.gateway.access.keys import KeyRing, read_keys
from services.gateway.access.principals import Principal, Scope
from services.gateway.access.tokens import Tokens
from shared.events.errors import ConfigurationError

log = structlog.stdlib.get_logger(__name__)

# Beyond that a credential is none of ours; it is not hashed either.
LONGEST_CREDENTIAL = 8192
LOOK_AGAIN_S = 1.0
WRITE_TOKEN = Principal("write token", frozenset({Scope.READ, Scope.OPERATE, Scope.INGEST}))


class Keyring:
    """What is accepted as a credential.

    Args:
        write_token: one shared secret that may read, operate and ingest; `None`: there is none.
        keys_file: API keys, read again within a second of a change; `None`: there are none.
        tokens: of an identity provider; `None`: there is none.
        clock: by which keys expire.

    Raises:
        ConfigurationError: the file cannot be read now. Later, the keys that were read stay in force.
    """

    def __init__(
        self,
        write_token: str | None,
        keys_file: Path | None,
        tokens: Tokens | None,
        clock: Callable[[], datetime],
    ) -> None:
        self._write_digest = None if write_token is None else _digest(write_token)
        self._file = keys_file
        self._tokens = tokens
        self._clock = clock
        self._keys = KeyRing({})
        self._version: tuple[int, int, int] | None = None
        self._looked_at = float("-inf")
        if keys_file is not None:
            self._version = _version_of(keys_file)
            self._keys = read_keys(keys_file)

    @property
    def empty(self) -> bool:
        """Whether nothing can be a credential."""
        return self._write_digest is None and self._file is None and self._tokens is None

    async def principal(self, credential: str) -> Principal | None:
        """Whose credential it is, `None` where it is nobody's."""
        if len(credential) > LONGEST_CREDENTIAL:
            return None
        self._look_again()
        if self._write_digest is not None and secrets.compare_digest(_digest(credential), self._write_digest):
            return WRITE_TOKEN
        found = self._keys.principal(credential, self._clock())
        if found is None and self._tokens is not None and credential.count(".") == 2:  # noqa: PLR2004 - a signed token has three parts
            return await self._tokens.principal(credential)
        return found

    def _look_again(self) -> None:
        if self._file is None or monotonic() - self._looked_at < LOOK_AGAIN_S:
            return
        self._looked_at = monotonic()
        version = _version_of(self._file)
        if version == self._version:
            return
        self._version = version
        try:
            self._keys = read_keys(self._file)
        except ConfigurationError as wrong:
            log.error("keys not read again; those known stay in force", error=str(wrong))  # noqa: TRY400 - foreseen
            return
        log.info("keys read again", keys=len(self._keys.keys))


def _version_of(path: Path) -> tuple[int, int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
