"""Attempts that are repeated until they succeed, or until somebody else must be let in."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import stamina
from aiokafka.errors import KafkaError

FIRST_PAUSE_S, LONGEST_PAUSE_S, JITTER_S = 0.1, 5.0, 0.5

Result = TypeVar("Result")


class Persistence:
    """Repeats what fails for a passing reason, with backoff and without end.

    Args:
        retry_on: failures that pass by themselves, beside those that Kafka calls retriable.
        interrupted: whether to stop repeating and let the failure through.
    """

    def __init__(self, retry_on: tuple[type[Exception], ...], interrupted: Callable[[], bool]) -> None:
        self._retry_on = retry_on
        self._interrupted = interrupted
        self.trouble: str | None = None
        """What fails at present, or `None`."""

    async def __call__(self, what: str, attempt: Callable[[], Awaitable[Result]]) -> Result:
        """The result of `attempt`; `what` names it in `trouble`."""

        def again(failure: Exception) -> bool:
            if not self.passing(failure):
                return False
            self.trouble = f"{what}: {str(failure) or type(failure).__name__}"
            return not self._interrupted()

        async for trial in stamina.retry_context(
            on=again,
            attempts=None,
            timeout=None,
            wait_initial=FIRST_PAUSE_S,
            wait_max=LONGEST_PAUSE_S,
            wait_jitter=JITTER_S,
        ):
            with trial:
                result = await attempt()
                self.trouble = None
                return result
        raise AssertionError(what)  # pragma: no cover - the loop has no other end

    def passing(self, failure: Exception) -> bool:
        """Whether the same attempt may succeed later."""
        if isinstance(failure, KafkaError):
            return bool(failure.retriable)
        return isinstance(failure, (TimeoutError, *self._retry_on))
