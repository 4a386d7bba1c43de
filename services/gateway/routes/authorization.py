"""Who may write: clients with the gateway's write token. Without one, nobody may."""

import secrets
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from services.gateway.routes.gateway import Running

BEARER = HTTPBearer(auto_error=False, description="The token in METRLA_GATEWAY_WRITE_TOKEN.")


def _may_write(gateway: Running, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]) -> None:
    token = gateway.settings.write_token
    if token is None:
        raise HTTPException(
            HTTPStatus.FORBIDDEN, "Writes are switched off: the gateway runs without METRLA_GATEWAY_WRITE_TOKEN."
        )
    given = "" if credentials is None else credentials.credentials
    if not secrets.compare_digest(given.encode(), token.get_secret_value().encode()):
        raise HTTPException(
            HTTPStatus.UNAUTHORIZED,
            "A write needs the header Authorization: Bearer with the write token of this gateway.",
            headers={"WWW-Authenticate": "Bearer"},
        )


MayWrite = Depends(_may_write)
"""Refuses unauthorised writes: 403 where nobody may write, 401 without the right token."""
