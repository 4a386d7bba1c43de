"""What is answered where a request ends in no answer."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from services.gateway.web.middleware import CrashGuard


async def told(failure: BaseException, kind: str, *, started: Message | None = None) -> list[Message]:
    """Everything that is sent where an application fails, once it has sent `started`."""
    sent: list[Message] = []

    async def fail(_: Scope, __: Receive, send: Send) -> None:
        if started is not None:
            await send(started)
        raise failure

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": f"{kind}.disconnect"}

    scope: Scope = {"type": kind, "path": "/x", "headers": [], "method": "GET", "query_string": b""}
    if kind == "websocket":
        scope["extensions"] = {"websocket.http.response": {}}
    await CrashGuard(fail)(scope, receive, send)
    return sent


@pytest.mark.parametrize(("failure", "status"), [(asyncio.CancelledError(), 503), (KeyError("x"), 500)])
async def test_a_request_that_is_cut_off_is_answered_without_a_traceback(
    failure: BaseException, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (await told(failure, "http"))[0]["status"] == status
    assert ("Traceback" in capsys.readouterr().out) is (status == 500)


async def test_a_websocket_that_is_open_is_closed_with_1011() -> None:
    sent = await told(KeyError("x"), "websocket", started={"type": "websocket.accept"})
    assert [(message["type"], message.get("code")) for message in sent[1:]] == [("websocket.close", 1011)]
    refused = await told(KeyError("x"), "websocket")
    assert (refused[0]["type"], refused[0]["status"]) == ("websocket.http.response.start", 500)
