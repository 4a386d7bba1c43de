"""HTTP to one gateway: requests out, models or `GatewayError` back."""

from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel

from metrla.client.answers import detail_of, parse_list
from metrla.client.errors import GatewayError

_Answer = TypeVar("_Answer", bound=BaseModel)
_Parameter = str | float | tuple[str, ...] | None


class Connection:
    """What all requests to a gateway have in common."""

    def __init__(
        self, url: str = "http://127.0.0.1:8000", timeout_s: float = 10.0, *, write_token: str | None = None
    ) -> None:
        # Also where it only reads: a gateway may ask everybody who they are.
        self._credentials = {} if write_token is None else {"Authorization": f"Bearer {write_token}"}
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout_s, headers=self._credentials)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def _pages(self, kind: type[_Answer], path: str, **parameters: _Parameter) -> AsyncIterator[_Answer]:
        answer = await self._get(path, **parameters)
        while True:
            for each in parse_list(kind, answer):
                yield each
            following = answer.links.get("next")
            if following is None:
                return
            answer = await self._get(following["url"])

    async def _list(self, kind: type[_Answer], path: str, **parameters: _Parameter) -> list[_Answer]:
        return parse_list(kind, await self._get(path, **parameters))

    async def _get(self, path: str, **parameters: _Parameter) -> httpx.Response:
        given = {name: value for name, value in parameters.items() if value is not None}
        return await self._request("GET", path, params=given or None)

    async def _write(
        self,
        method: str,
        path: str,
        *,
        content: bytes | str | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        return await self._request(method, path, content=content, params=params, headers=headers)

    async def _request(self, method: str, path: str, **given: Any) -> httpx.Response:  # noqa: ANN401 - passed on
        try:
            answer = await self._http.request(method, path, **given)
        except httpx.HTTPError as failed:
            raise GatewayError(
                f"{self._http.base_url} does not answer: {str(failed) or type(failed).__name__}"
            ) from failed
        if answer.is_error:
            raise GatewayError(detail_of(answer), answer.status_code)
        return answer
