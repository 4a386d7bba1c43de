"""Faust, over its aiokafka transport, works unchanged and goes on after a kill."""

import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from tests.kit.until import until

Factory = Callable[..., Awaitable[Any]]
Names = Callable[[str], str]
WORKER = Path(__file__).with_name("faust_doubler.py")


@pytest.mark.integration
async def test_an_agent_handles_everything_across_a_kill(
    bootstrap_servers: str,
    new_topic: Factory,
    new_producer: Factory,
    read_all: Factory,
    unique: Names,
    tmp_path: Path,
) -> None:
    source, target = await new_topic(partitions=2), await new_topic()
    environment = os.environ | {
        "SERVERS": bootstrap_servers,
        "GROUP": unique("faust"),
        "SOURCE": source,
        "TARGET": target,
    }

    def start(name: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(WORKER), "--datadir", str(tmp_path / name), "worker", "-l", "warn"]
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    async def handled(count: int) -> bool:
        return {int(record.value) for record in await read_all(target)} == {2 * number for number in range(count)}

    producer: AIOKafkaProducer = await new_producer()
    for number in range(200):
        await producer.send_and_wait(source, b"%d" % number, partition=number % 2)
    first = start("first")
    try:
        await until(lambda: handled(200), "200 records are handled", 60)
    finally:
        first.kill()
        first.wait()
    for number in range(200, 300):
        await producer.send_and_wait(source, b"%d" % number, partition=number % 2)
    second = start("second")
    try:
        await until(lambda: handled(300), "300 records are handled", 60)
    finally:
        second.terminate()
        second.wait(60)
