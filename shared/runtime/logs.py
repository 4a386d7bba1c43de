"""Structured logs: a constant message plus fields, to standard error and, where asked, as JSON to a file."""

import logging
import sys
import time
from collections.abc import Callable
from logging.handlers import WatchedFileHandler

import structlog

from shared.events.text import shown
from shared.runtime.settings import PlatformSettings

# These say at INFO what our own lines already say.
_CHATTY = ("aiokafka", "faust", "mode", "aiohttp.access", "uvicorn.access", "httpx", "httpcore", "hdfs", "urllib3")

_REPETITIVE = "aiokafka"
REPEAT_AFTER_S = 30.0


def configure_logs(settings: PlatformSettings, service: str) -> None:
    """Send structlog and standard-library records through one pipeline; every line names `service` and is in UTC."""
    structlog.contextvars.bind_contextvars(service=service)
    shared_steps: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared_steps,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    as_json: list[structlog.typing.Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ]
    as_text: list[structlog.typing.Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        _printable,
        # Plain: with the values of variables a traceback takes a second of a service's time, and tells secrets.
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback),
    ]
    console = logging.StreamHandler(sys.stderr)
    console.setFormatter(_formatter(shared_steps, as_json if settings.log_format == "json" else as_text))
    handlers: list[logging.Handler] = [console]
    if settings.log_file is not None:
        settings.log_file.parent.mkdir(parents=True, exist_ok=True)
        file = WatchedFileHandler(settings.log_file, encoding="utf-8")
        file.setFormatter(_formatter(shared_steps, as_json))
        handlers.append(file)
    for handler in handlers:
        handler.addFilter(Sparing(REPEAT_AFTER_S, time.monotonic))
    logging.basicConfig(level=settings.log_level, handlers=handlers, force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def _printable(_logger: object, _method: str, fields: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Escape what came from outside and would steer a terminal."""
    return {name: shown(value) if isinstance(value, str) else value for name, value in fields.items()}


class Sparing(logging.Filter):
    """Lets a message of Kafka's client through now and then: without a broker it repeats the same ones all the time.

    Args:
        pause_s: how long the same message, whatever its arguments, is held back.
        monotonic: seconds that only go forward.
    """

    def __init__(self, pause_s: float, monotonic: Callable[[], float]) -> None:
        super().__init__()
        self._pause_s = pause_s
        self._monotonic = monotonic
        self._next_s: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is shown."""
        if not record.name.startswith(_REPETITIVE):
            return True
        message, now_s = (record.name, str(record.msg)), self._monotonic()
        if now_s < self._next_s.get(message, now_s):
            return False
        self._next_s[message] = now_s + self._pause_s
        return True


def _formatter(
    foreign: list[structlog.typing.Processor], steps: list[structlog.typing.Processor]
) -> structlog.stdlib.ProcessorFormatter:
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=foreign, processors=steps)
