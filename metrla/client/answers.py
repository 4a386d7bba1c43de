"""From the gateway's HTTP answers to models, or to the error that they are."""

from typing import TypeVar

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from metrla.client.errors import GatewayError

_Answer = TypeVar("_Answer", bound=BaseModel)
_Content = TypeVar("_Content")


def parse_list(kind: type[_Answer], answer: httpx.Response) -> list[_Answer]:
    """The list that an answer holds; raises `GatewayError`."""
    return validated(TypeAdapter(list[kind]), answer)  # type: ignore[valid-type]  # a run-time type


def validated(kind: TypeAdapter[_Content], answer: httpx.Response) -> _Content:
    """What an answer holds; raises `GatewayError`."""
    try:
        return kind.validate_json(answer.content)
    except ValidationError as odd:
        raise GatewayError(f"{answer.url} answers with what no gateway answers: {odd}", answer.status_code) from odd


def detail_of(answer: httpx.Response) -> str:
    """What the gateway says is wrong."""
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.url} answers {answer.status_code}"
