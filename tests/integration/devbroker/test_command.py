"""`python -m metrla.local.devbroker` as an operator meets it."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.until import until_blocking

COMMAND = [sys.executable, "-m", "metrla.local.devbroker"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_ends_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    port_file = tmp_path / "address"
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", "--port-file", str(port_file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until_blocking(port_file.exists, "the broker is ready")
        address = port_file.read_text().strip()
        host, port = address.split(":")
        socket.create_connection((host, int(port)), timeout=30).close()
        process.send_signal(number)
        output, errors = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert output == f"embedded broker ready at {address}\n"
    assert (errors, process.returncode) == ("", 0)
    assert not port_file.exists()


def test_it_does_not_outlive_its_parent_if_told_so(tmp_path: Path) -> None:
    port_file = tmp_path / "address"
    arguments = [*COMMAND, "--port", "0", "--port-file", str(port_file), "--stop-with-parent"]
    starter = f"import subprocess, time; subprocess.Popen({arguments!r}); time.sleep(60)"
    parent = subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.DEVNULL)
    try:
        until_blocking(port_file.exists, "the broker is ready")
    finally:
        parent.kill()
        parent.wait()
    until_blocking(lambda: not port_file.exists(), "the broker is gone")


def test_help_says_what_it_is_not() -> None:
    result = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=True, timeout=60)
    assert "--retention-bytes" in result.stdout
    assert "not durable" in result.stdout


def test_other_machines_are_not_served() -> None:
    result = subprocess.run(
        [*COMMAND, "--host", "0.0.0.0", "--port", "0"],  # noqa: S104 (must be refused)
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 2
    assert result.stderr.startswith("error: the embedded broker listens on loopback only")


def test_a_taken_port_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = subprocess.run(
            [*COMMAND, "--port", str(port)], capture_output=True, text=True, check=False, timeout=60
        )
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: cannot listen on 127.0.0.1:{port}:")
    assert len(result.stderr.splitlines()) == 1
