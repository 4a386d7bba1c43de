"""JMESPath that computes: `add`, `subtract`, `multiply` and `divide`, for mappings of JSON. Pure.

They take numbers, or text that is one, two or more of them. Missing is not zero: where one of them is `null`, so is the
result.
"""

from collections.abc import Callable
from functools import partial, reduce
from math import isfinite
from operator import add, mul, sub, truediv
from typing import Any

import jmespath
from jmespath import exceptions, functions

from shared.events.json_mapping import Find


class UncomputableError(exceptions.JMESPathError):
    """A formula meets something that is no number, or divides by zero; a `ValueError`, as all of JMESPath's."""


class _Arithmetic(functions.Functions):
    # Without types: `_number` says what is wrong in our words, and lets `null` through.
    @functions.signature({"types": [], "variadic": True})
    def _func_add(self, *terms: object) -> float | None:
        return _folded("add", add, terms)

    @functions.signature({"types": [], "variadic": True})
    def _func_multiply(self, *factors: object) -> float | None:
        return _folded("multiply", mul, factors)

    @functions.signature({"types": []}, {"types": []})
    def _func_subtract(self, minuend: object, subtrahend: object) -> float | None:
        return _folded("subtract", sub, (minuend, subtrahend))

    @functions.signature({"types": []}, {"types": []})
    def _func_divide(self, dividend: object, divisor: object) -> float | None:
        return _folded("divide", truediv, (dividend, divisor))


def compile_expression(expression: str) -> Find:
    """What finds, or computes, the value of one field; raises `JMESPathError` where it is no expression."""
    options = jmespath.Options(custom_functions=_Arithmetic())
    return partial(_search, jmespath.compile(expression).search, options)


def _search(search: Callable[..., Any], options: jmespath.Options, message: object) -> Any:  # noqa: ANN401 - a value of JSON
    return search(message, options)


def _folded(name: str, operation: Callable[[float, float], float], values: tuple[object, ...]) -> float | None:
    numbers = [_number(name, value) for value in values]
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers):
        return None
    try:
        result = reduce(operation, known)
    except ZeroDivisionError as by_zero:
        raise UncomputableError("divide: by zero") from by_zero
    except OverflowError as beyond:
        raise UncomputableError(f"{name}: the result is beyond all numbers") from beyond
    if not isfinite(result):
        raise UncomputableError(f"{name}: the result is beyond all numbers")
    return result


def _number(name: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = float("nan")
        if isfinite(number):
            return number
    raise UncomputableError(f"{name}: {str(value)[:40]!r} is not a number")
