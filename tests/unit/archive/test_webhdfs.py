"""What a name node may answer besides success, from one that is played by a few lines of HTTP."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from shared.archive.url import open_archive
from shared.events.errors import ArchiveError

STANDBY = {"RemoteException": {"exception": "StandbyException", "message": "Operation category READ is not supported"}}
SAFE_MODE = {
    "RemoteException": {
        "exception": "SafeModeException",
        "message": "Cannot create file/x. Name node is in safe mode.\nThe reported blocks 0 needs 7 more.",
    }
}
EMPTY_FOLDER: dict[str, object] = {"FileStatuses": {"FileStatus": []}}
Asked = list[str]


@contextmanager
def name_node(status: int, body: bytes, asked: Asked) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_DELETE = answer  # noqa: N815 - names that the library looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's signature
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def as_json(answer: object) -> bytes:
    return json.dumps(answer).encode()


def test_a_stand_by_name_node_is_passed_over_and_not_asked_first_again() -> None:
    asked_standby: Asked = []
    asked_active: Asked = []
    with (
        name_node(403, as_json(STANDBY), asked_standby) as standby,
        name_node(200, as_json(EMPTY_FOLDER), asked_active) as active,
        closing(open_archive(f"webhdfs://{standby},{active}/root?user=traffic")) as archive,
    ):
        for _ in range(3):
            assert list(archive.list("a")) == []
    assert len(asked_standby) == 1
    assert len(asked_active) == 3
    assert all(path.startswith("/webhdfs/v1/root/a?") and "user.name=traffic" in path for path in asked_active)


def test_without_an_active_name_node_there_is_no_archive() -> None:
    asked: Asked = []
    with (
        name_node(403, as_json(STANDBY), asked) as one,
        name_node(403, as_json(STANDBY), asked) as other,
        closing(open_archive(f"webhdfs://{one},{other}/")) as archive,
        pytest.raises(ArchiveError, match="READ is not supported"),
    ):
        list(archive.list("a"))
    assert len(asked) == 2


@pytest.mark.parametrize("action", ["write", "ping", "delete"])
def test_safe_mode_is_an_error_of_one_line(action: str) -> None:
    with (
        name_node(403, as_json(SAFE_MODE), []) as node,
        closing(open_archive(f"webhdfs://{node}/")) as archive,
    ):
        calls: dict[str, Callable[[], None]] = {
            "write": lambda: archive.write("a", b"x"),
            "ping": archive.ping,
            "delete": lambda: archive.delete("a"),
        }
        with pytest.raises(ArchiveError, match=r"Name node is in safe mode\.$"):
            calls[action]()


@pytest.mark.parametrize("status", [200, 404, 502])
@pytest.mark.parametrize("body", [b"<html>a proxy</html>", b"{}", b""])
def test_answers_that_are_not_of_webhdfs_are_errors(status: int, body: bytes) -> None:
    with (
        name_node(status, body, []) as node,
        closing(open_archive(f"webhdfs://{node}/")) as archive,
    ):
        for act in (lambda: list(archive.list("a")), lambda: archive.write("a", b""), lambda: archive.delete("a")):
            with pytest.raises(ArchiveError):
                act()


def test_a_name_node_that_is_away_is_named() -> None:
    with name_node(200, b"", []) as node:
        pass
    with (
        closing(open_archive(f"webhdfs://{node}/")) as archive,
        pytest.raises(ArchiveError, match=f"cannot read a: {node} does not answer"),
    ):
        archive.read("a")
