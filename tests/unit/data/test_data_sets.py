import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from metrla.data.data_sets import DataSet, fetch_data_set
from metrla.data.web import FetchError
from shared.events.errors import ConfigurationError

CONTENT = b",1,2\n2012-03-01 00:00:00,60.0,61.0\n2012-03-01 00:05:00,62.0,63.0\n"
TINY = DataSet("tiny", "Tiny", "http://127.0.0.1:9/none", "TINY.csv", steps=2, sensors=2)


class Server(BaseHTTPRequestHandler):
    """Serves /file with ranges, /whole without, /cut with half the bytes it promised, /moved as a redirect."""

    ranges: list[str]

    def do_GET(self) -> None:
        self.ranges.append(self.headers.get("Range", ""))
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/file")
            self.end_headers()
        elif self.path == "/away":
            self.send_response(302)
            # The same machine by another name, which might as well be one of the network that we stand in.
            self.send_header("Location", "http://localhost:9/file")
            self.end_headers()
        elif self.path == "/again":
            self.send_response(302)
            self.send_header("Location", "/again")
            self.end_headers()
        elif self.path == "/gone":
            self.send_error(404)
        else:
            self._send()

    def _send(self) -> None:
        first = int(self.headers["Range"][6:-1]) if "Range" in self.headers and self.path == "/file" else 0
        if first >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if first else 200)
        body = CONTENT[first:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.path == "/cut" else body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    ranges: list[str] = []
    with serving(type("Recording", (Server,), {"ranges": ranges})) as url:
        yield url, ranges


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()
            thread.join()


@pytest.mark.parametrize("path", ["/file", "/whole", "/moved"])
def test_a_file_is_fetched_checked_and_named(tmp_path: Path, server: tuple[str, list[str]], path: str) -> None:
    seen: list[tuple[int, int | None]] = []
    target = fetch_data_set(TINY, tmp_path / "data", server[0] + path, lambda done, total: seen.append((done, total)))
    assert target == tmp_path / "data" / "TINY.csv"
    assert target.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [path.name for path in target.parent.iterdir()] == ["TINY.csv"]


def test_an_interrupted_download_goes_on(tmp_path: Path, server: tuple[str, list[str]]) -> None:
    url, ranges = server
    with pytest.raises(FetchError, match="cannot be reached"):
        fetch_data_set(TINY, tmp_path, f"{url}/cut", lambda *_: None)
    have = (tmp_path / "TINY.csv.partial").stat().st_size
    assert have == len(CONTENT) // 2
    assert fetch_data_set(TINY, tmp_path, f"{url}/file", lambda *_: None).read_bytes() == CONTENT
    assert ranges == ["", f"bytes={have}-"]


@pytest.mark.parametrize(("path", "said"), [("/away", "redirected to http://localhost"), ("/again", "redirects")])
def test_a_redirect_to_elsewhere_or_for_ever_is_refused(
    tmp_path: Path, server: tuple[str, list[str]], path: str, said: str
) -> None:
    with pytest.raises(FetchError, match=said):
        fetch_data_set(TINY, tmp_path, f"{server[0]}{path}", lambda *_: None)
    assert list(tmp_path.iterdir()) == []


def test_a_server_without_ranges_starts_anew(tmp_path: Path, server: tuple[str, list[str]]) -> None:
    (tmp_path / "TINY.csv.partial").write_bytes(b"x" * 10)
    assert fetch_data_set(TINY, tmp_path, f"{server[0]}/whole", lambda *_: None).read_bytes() == CONTENT


def test_a_whole_partial_file_is_taken(tmp_path: Path, server: tuple[str, list[str]]) -> None:
    (tmp_path / "TINY.csv.partial").write_bytes(CONTENT)
    assert fetch_data_set(TINY, tmp_path, f"{server[0]}/file", lambda *_: None).read_bytes() == CONTENT


def test_another_shape_is_refused_and_removed(tmp_path: Path, server: tuple[str, list[str]]) -> None:
    other = DataSet("tiny", "Tiny", "", "TINY.csv", steps=3, sensors=2)
    with pytest.raises(FetchError, match="2 x 2 values instead of 3 x 2"):
        fetch_data_set(other, tmp_path, f"{server[0]}/file", lambda *_: None)
    assert list(tmp_path.iterdir()) == []


def test_refusals_and_missing_networks_are_said(tmp_path: Path, server: tuple[str, list[str]]) -> None:
    with pytest.raises(FetchError, match="answers 404"):
        fetch_data_set(TINY, tmp_path, f"{server[0]}/gone", lambda *_: None)
    with pytest.raises(FetchError, match=r"cannot be reached .*Is there a network"):
        fetch_data_set(TINY, tmp_path, None, lambda *_: None)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="file"):
        fetch_data_set(TINY, tmp_path / "file", f"{server[0]}/file", lambda *_: None)
