"""Who asks, and what they may do. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a request can need. `ADMIN` holds all others."""

    READ = "read"
    OPERATE = "operate"
    INGEST = "ingest"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody: `name` is the key's id or the subject of a token, for the audit log; never a secret."""

    name: str
    scopes: frozenset[Scope]

    def may(self, *needed: Scope) -> bool:
        """Whether one of `needed` is held; whoever may do anything may read."""
        if Scope.ADMIN in self.scopes or not self.scopes.isdisjoint(needed):
            return True
        return Scope.READ in needed and bool(self.scopes)


ANONYMOUS = Principal("anonymous", frozenset())
