"""A Faust worker in the form that metrla uses: one agent, no tables, its output through a plain producer."""

import os

import faust
from aiokafka import AIOKafkaProducer

servers = os.environ["SERVERS"]
app = faust.App(
    os.environ["GROUP"],
    broker=f"aiokafka://{servers}",
    store="memory://",
    broker_session_timeout=6.0,
    broker_heartbeat_interval=2.0,
    stream_wait_empty=True,
    topic_disable_leader=True,
    web_enabled=False,
    value_serializer="raw",
)
source = app.topic(os.environ["SOURCE"], value_serializer="raw", value_type=bytes)


async def double(stream: faust.StreamT[bytes]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=servers, enable_idempotence=True)
    await producer.start()
    try:
        async for value in stream:
            await producer.send_and_wait(os.environ["TARGET"], b"%d" % (2 * int(value)), key=value)
    finally:
        await producer.stop()


app.agent(source)(double)

if __name__ == "__main__":
    app.main()
