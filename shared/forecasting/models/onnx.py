"""The one place that runs ONNX models: from the content of `model.onnx` to something that can be called. Pure."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as states

from shared.events.errors import ModelError

FATAL = 4
GZIP = b"\x1f\x8b"
EITHER_FORMAT = zlib.MAX_WBITS | 32
MOST_BYTES = 256 * 2**20
"""A compressed model that would be larger than this is taken for a damaged one."""

FAILURES: tuple[type[Exception], ...] = (
    ValueError,
    states.EPFail,
    states.Fail,
    states.InvalidArgument,
    states.InvalidGraph,
    states.InvalidProtobuf,
    states.NoModel,
    states.NotImplemented,
    states.RuntimeException,
)


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """A model ready to run. It may be called from several threads.

    Attributes:
        inputs: shape by name; a dimension that may vary is a word, or None.
        outputs: names.
    """

    inputs: Mapping[str, Sequence[int | str | None]]
    outputs: Sequence[str]
    _session: onnxruntime.InferenceSession = field(repr=False)

    @classmethod
    def open(cls, content: bytes, *, threads: int = 1) -> "OnnxModel":
        """Make a model run, on `threads` threads; `content` is ONNX, which may be compressed by gzip.

        The default of one thread leaves the other cores to the other services, and makes results independent of how
        many there are.

        Raises:
            ModelError: the content is damaged, or needs what the installed onnxruntime does not have.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = threads
        options.log_severity_level = FATAL
        try:
            session = onnxruntime.InferenceSession(_plain(content), options, providers=["CPUExecutionProvider"])
        except FAILURES as failed:
            raise ModelError(f"onnxruntime {onnxruntime.__version__} cannot open the model: {failed}") from failed
        inputs = {each.name: tuple(each.shape) for each in session.get_inputs()}
        return cls(inputs, [each.name for each in session.get_outputs()], session)

    def __call__(self, **inputs: NDArray[Any]) -> list[NDArray[Any]]:
        """Run the model; arrays by input name, in the types that it asks for. Raises `ModelError` where it cannot."""
        try:
            return cast("list[NDArray[Any]]", self._session.run(None, inputs))
        except FAILURES as failed:
            raise ModelError(f"onnxruntime {onnxruntime.__version__} cannot run the model: {failed}") from failed


def _plain(content: bytes) -> bytes:
    if not content.startswith(GZIP):
        return content
    decompressor = zlib.decompressobj(EITHER_FORMAT)
    try:
        plain = decompressor.decompress(content, MOST_BYTES)
    except zlib.error as damaged:
        raise ModelError(f"the model is damaged: {damaged}") from damaged
    if not decompressor.eof:
        raise ModelError("the model is damaged: it is cut short, or larger than a model is")
    return plain
