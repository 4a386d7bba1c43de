"""`metrla-client` as strangers install it: small, and by itself."""

import json
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.kit.places import ROOT

FOLDER = ROOT / "metrla" / "client"
ALLOWED = {"httpx", "pydantic", "websockets"}
# Imports the client from the wheel alone, where only the named libraries can be imported beside the standard library.
PROBE = """
import json, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in known and not top.startswith("_sysconfigdata"):
            raise ModuleNotFoundError(f"{top} is not installed", name=name)

folder, libraries, *names = sys.argv[1:]
known = {"metrla", *names, *sys.stdlib_module_names}
sys.meta_path.insert(0, Absent())
sys.path[:0] = [folder, libraries]
import metrla.client
assert metrla.client.__file__.startswith(folder), metrla.client.__file__
print(json.dumps(sorted(name for name in sys.modules if name.partition(".")[0] in {"metrla", "services", "shared"})))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(FOLDER)], check=True, timeout=100)
    (built,) = folder.glob("*.whl")
    return built


def test_it_holds_the_client_and_nothing_else(wheel: Path) -> None:
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert inside == {f"metrla/client/{path.name}" for path in [*FOLDER.glob("*.py"), FOLDER / "py.typed"]}


def test_it_comes_with_the_licence_of_the_platform(wheel: Path) -> None:
    licence = (ROOT / "LICENSE").read_bytes()
    with zipfile.ZipFile(wheel) as archive:
        (inside,) = (name for name in archive.namelist() if name.endswith("LICENSE"))
        assert ".dist-info/" in inside
        assert archive.read(inside) == licence


def test_it_needs_three_libraries_in_the_platforms_ranges() -> None:
    own, platform = (
        tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        for path in (FOLDER / "pyproject.toml", ROOT / "pyproject.toml")
    )
    assert {need.partition(">")[0] for need in own["dependencies"]} == ALLOWED
    assert set(own["dependencies"]) <= set(platform["dependencies"])


def test_it_imports_with_those_three_and_what_they_need_alone(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    behind = everything_behind(ALLOWED)
    names = [name for name, owners in packages_distributions().items() if behind & set(map(normal, owners))]
    # -S: without the checkout, which the environment knows as an editable install; the libraries are named instead.
    command = [sys.executable, "-P", "-E", "-S", "-c", PROBE, str(tmp_path), sysconfig.get_paths()["purelib"], *names]
    run = subprocess.run(command, check=False, timeout=60, capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert {name for name in json.loads(run.stdout) if not name.startswith("metrla.client")} == {"metrla"}


def everything_behind(names: set[str]) -> set[str]:
    """The distributions that these need, and those that they need, without extras."""
    found: set[str] = set()
    waiting = [*names]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        waiting += [normal(need.name) for need in needs_of(name)]
    return found


def needs_of(name: str) -> Iterator[Requirement]:
    for text in requires(name) or ():
        need = Requirement(text)
        if need.marker is None or need.marker.evaluate({"extra": ""}):
            yield need


def normal(name: str) -> str:
    return name.lower().replace("_", "-")
