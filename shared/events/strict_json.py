"""JSON from outside, read so that it can have one meaning only: a name twice in an object is a fault. Pure.

Readers differ in which of two values they take (RFC 8259, section 4): whoever checked a message may have checked the
other one.
"""

from json import JSONDecoder, detect_encoding
from typing import Any, Final, NoReturn

from shared.events.text import quoted


def read_strict(data: bytes | str, *, published: bool = False) -> Any:  # noqa: ANN401 - whatever the JSON is
    """The value of a JSON text, with or without a byte order mark.

    Args:
        data: in UTF-8, 16 or 32 where it is bytes.
        published: by others for everybody: NaN in it is for whoever judges the feature that has it.

    Raises:
        ValueError: it is no JSON, has NaN or an infinity, or an object has a name twice.
        RecursionError: it is nested too deep.
    """
    text = data if isinstance(data, str) else data.decode(detect_encoding(data))
    return (_LENIENT if published else _DECODER).decode(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for at, name in enumerate(names) if name in names[:at])
        raise ValueError(f"{quoted(twice)} is there twice")
    return made


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


# Made once: `json.loads` with a hook makes a decoder for each text, which costs more than the hook.
_DECODER: Final = JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_object)
_LENIENT: Final = JSONDecoder(object_pairs_hook=_object)
