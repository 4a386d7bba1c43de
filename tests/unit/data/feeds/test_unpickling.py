"""No HDF5 file runs code, wherever in it an object stands; what pandas writes for itself is read."""

import os
import pickle
import warnings
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
import tables

from metrla.data.feeds.files import hdf5
from metrla.data.feeds.files.formats import open_readings
from shared.events.errors import ConfigurationError


class Runs:
    """An object whose unpickling makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:  # noqa: ANN401 - as the protocol has it
        return os.mkdir, (str(self.mark),)


def sound(path: Path, form: Literal["fixed", "table"] = "fixed") -> Path:
    index = pd.date_range("2012-05-02", periods=6, freq="5min")
    pd.DataFrame(np.full((6, 2), 60.0), index=index, columns=["1", "2"]).to_hdf(path, key="df", format=form)
    return path


def put_in_attribute(path: Path, mark: Path, where: str, name: str) -> None:
    with tables.open_file(str(path), "a") as file:
        # As PyTables itself does with what HDF5 has no type for.
        file.get_node(where)._v_attrs[name] = Runs(mark)


def put_in_values(path: Path, mark: Path, where: str) -> None:
    with tables.open_file(str(path), "a") as file:
        file.remove_node(where)
        parent, _, name = where.rpartition("/")
        array = file.create_vlarray(parent, name, tables.ObjectAtom())
        array.append(Runs(mark))
        array._v_attrs.transposed = False


ATTRIBUTES = [
    ("/", "TITLE"),
    ("/df", "pandas_type"),
    ("/df", "pandas_version"),
    ("/df", "encoding"),
    ("/df", "errors"),
    ("/df", "ndim"),
    ("/df", "axis0_variety"),
    ("/df/axis1", "freq"),
    ("/df/axis1", "kind"),
    ("/df/axis1", "tz"),
    ("/df/axis1", "name"),
    ("/df/block0_values", "transposed"),
]


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parent must be as safe as the process that looks first, which is left out."""
    monkeypatch.setattr(hdf5, "_require_sound", lambda _: None)


@pytest.mark.parametrize(("where", "name"), ATTRIBUTES)
def test_an_object_in_an_attribute_runs_no_code(tmp_path: Path, where: str, name: str) -> None:
    path, mark = sound(tmp_path / "x.h5"), tmp_path / "mark"
    put_in_attribute(path, mark, where, name)
    with warnings.catch_warnings(action="ignore"), pytest.raises(ConfigurationError) as refused:
        list(open_readings(path).steps())
    assert "posix.mkdir" in str(refused.value)
    assert "could run code" in str(refused.value)
    assert not mark.exists()


def test_an_object_in_place_of_the_version_is_no_version(tmp_path: Path) -> None:
    path, mark = sound(tmp_path / "x.h5"), tmp_path / "mark"
    put_in_attribute(path, mark, "/", "PYTABLES_FORMAT_VERSION")
    with pytest.raises(ConfigurationError, match="not a readable table"):
        list(open_readings(path).steps())
    assert not mark.exists()


@pytest.mark.parametrize("where", ["/df/axis0", "/df/axis1", "/df/block0_values", "/df/block0_items"])
def test_an_object_in_the_values_runs_no_code(tmp_path: Path, where: str) -> None:
    path, mark = sound(tmp_path / "x.h5"), tmp_path / "mark"
    put_in_values(path, mark, where)
    with warnings.catch_warnings(action="ignore"), pytest.raises(ConfigurationError):
        list(open_readings(path).steps())
    assert not mark.exists()


@pytest.mark.parametrize("name", ["info", "non_index_axes", "values_cols", "data_columns", "index_cols", "nan_rep"])
def test_an_object_in_a_table_runs_no_code(tmp_path: Path, name: str) -> None:
    path, mark = sound(tmp_path / "x.h5", "table"), tmp_path / "mark"
    put_in_attribute(path, mark, "/df", name)
    with warnings.catch_warnings(action="ignore"), pytest.raises(ConfigurationError, match="could run code"):
        list(open_readings(path).steps())
    assert not mark.exists()


@pytest.mark.parametrize("form", ["fixed", "table"])
def test_what_pandas_writes_for_itself_is_read(tmp_path: Path, form: Literal["fixed", "table"]) -> None:
    path = sound(tmp_path / "x.h5", form)
    with tables.open_file(str(path), "a") as file:
        node = file.root.df.axis1 if form == "fixed" else file.root.df
        node._v_attrs["freq"] = pd.tseries.offsets.Minute(5)
    assert len(list(open_readings(path).steps())) == 6
    assert pickle.loads is not None
    # Afterwards, whoever else uses PyTables in this process finds it as it was.
    assert tables.atom.pickle is tables.attributeset.pickle is pickle


def test_the_process_that_looks_first_refuses_it_too(tmp_path: Path) -> None:
    path, mark = sound(tmp_path / "x.h5"), tmp_path / "mark"
    put_in_attribute(path, mark, "/df", "encoding")
    assert "could run code" in hdf5._fault(str(path), 0, 0)
    assert not mark.exists()
