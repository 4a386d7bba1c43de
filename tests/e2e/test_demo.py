"""`metrla demo` as a user runs it."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


class Demo:
    """A demo whose output is collected while it runs."""

    def __init__(self, state: Path) -> None:
        command = [sys.executable, "-m", "metrla", "demo", "--port", "0", "--state", str(state)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        self.output = ""
        self._grew = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait_for(self, text: str, timeout_s: float) -> None:
        with self._grew:
            assert self._grew.wait_for(lambda: text in self.output, timeout_s), self.output

    def interrupt(self) -> int:
        os.kill(self.process.pid, signal.SIGINT)
        return self.process.wait(60)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self._reader.join()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._grew:
                self.output += line
                self._grew.notify_all()


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    running = Demo(tmp_path / "demo")
    yield running
    running.close()


def test_a_demo_shows_predictions_and_an_alert_and_stops_cleanly(demo: Demo) -> None:
    demo.wait_for("Ctrl-C stops everything", 120)
    children = psutil.Process(demo.process.pid).children(recursive=True)
    assert {"metrla.local.devbroker", "metrla"} <= {part for child in children for part in child.cmdline()}

    # "N active of M alerts", N > 0: the figures come from the services themselves.
    with demo._grew:
        active = demo._grew.wait_for(lambda: re.search(r" [1-9]\d* active of ", demo.output) is not None, 120)
        assert active, demo.output
    said = re.search(r"page +(http://127\.0\.0\.1:[1-9]\d*) ", demo.output)
    assert said is not None, demo.output
    gateway = said[1]
    predictions = httpx.get(f"{gateway}/api/predictions", params={"limit": 1000}).raise_for_status().json()
    assert len({prediction["sensor_id"] for prediction in predictions}) == 48
    assert httpx.get(f"{gateway}/api/alerts", params={"active": "true"}).raise_for_status().json()
    assert httpx.get(f"{gateway}/health").raise_for_status().json()["status"] == "healthy"

    assert demo.interrupt() == 0
    assert "stopped" in demo.output
    assert not psutil.wait_procs(children, timeout=30)[1]


def test_a_taken_port_is_said_in_one_line(tmp_path: Path) -> None:
    import socket  # noqa: PLC0415 - this test alone listens

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "metrla", "demo", "--port", str(port), "--state", str(tmp_path / "demo")],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.splitlines() == [f"metrla: port {port} of 127.0.0.1 is taken; choose another with --port"]
