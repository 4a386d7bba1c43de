"""Python objects in files of others: plain values, zones and steps of a calendar are read, nothing else. No code runs.

PyTables and pandas store what HDF5 has no type for as pickles: an index without a name, a step of five minutes. Whoever
unpickles runs what the file says, so here a pickle may name only the classes that pandas itself writes.
"""

import io
import pickle
import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from tables import atom, attributeset

# Steps such as five minutes, from every version of pandas, and how Python 2 has written objects of any class.
_STEPS = re.compile(
    r"pandas\.(_libs\.tslibs\.offsets|tseries\.offsets) (Day|Hour|Minute|Second|Milli|Micro|Nano)"
    r"|(copyreg|copy_reg) _reconstructor|(builtins|__builtin__) object"
    # The zone of an index of times.
    r"|datetime (timezone|timedelta)|zoneinfo ZoneInfo\._unpickle"
)


class RefusedObjectError(Exception):
    """A file holds an object that is neither a plain value nor the step of a calendar; the message names its class."""


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:  # noqa: ANN401 - as overridden
        if not _STEPS.fullmatch(f"{module_name} {global_name}"):
            raise RefusedObjectError(f"{module_name}.{global_name}")
        return super().find_class(module_name, global_name)


@contextmanager
def plain_values_only() -> Iterator[None]:
    """Inside, PyTables unpickles nothing that could run code; raises `RefusedObjectError` at the end where it met such.

    At the end, since PyTables takes whatever goes wrong in unpickling as a sign that a text was no pickle.
    """
    met: list[RefusedObjectError] = []

    def loads(data: bytes, /, **options: Any) -> Any:  # noqa: ANN401 - any object
        try:
            return _PlainUnpickler(io.BytesIO(data), **options).load()
        except RefusedObjectError as refused:
            met.append(refused)
            raise

    plain = SimpleNamespace(loads=loads, dumps=pickle.dumps, HIGHEST_PROTOCOL=pickle.HIGHEST_PROTOCOL)
    before = atom.pickle, attributeset.pickle
    atom.pickle, attributeset.pickle = plain, plain
    try:
        yield
    except Exception as failed:
        # Without the object, what follows may fail in many ways.
        if met and not isinstance(failed, RefusedObjectError):
            raise met[0] from failed
        raise
    finally:
        atom.pickle, attributeset.pickle = before
    if met:
        raise met[0]
