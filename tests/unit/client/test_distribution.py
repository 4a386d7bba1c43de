"""`metrla-client` as strangers install it: small, and by itself."""

import json
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.kit.places import ROOT

FOLDER = ROOT / "metrla" / "client"
ALLOWED = {"httpx", "pydantic", "websockets"}
# Imports the client from the wheel alone, and says what else of ours and which libraries that brought in.
PROBE = """
import json, sys
sys.path[:0] = sys.argv[1:]
import metrla.client
assert metrla.client.__file__.startswith(sys.argv[1]), metrla.client.__file__
ours = sorted(name for name in sys.modules if name.split(".")[0] in {"metrla", "services", "shared"})
print(json.dumps([ours, sorted({name.split(".")[0] for name in sys.modules})]))
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


def test_it_needs_three_libraries_in_the_platforms_ranges() -> None:
    own, platform = (
        tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        for path in (FOLDER / "pyproject.toml", ROOT / "pyproject.toml")
    )
    assert {need.partition(">")[0] for need in own["dependencies"]} == ALLOWED
    assert set(own["dependencies"]) <= set(platform["dependencies"])


def test_it_imports_nothing_else_of_ours(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    # -S: without the checkout, which the environment knows as an editable install; the libraries are named instead.
    command = [sys.executable, "-P", "-E", "-S", "-c", PROBE, str(tmp_path), sysconfig.get_paths()["purelib"]]
    said = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True, cwd=tmp_path).stdout
    ours, libraries = json.loads(said)
    assert {name for name in ours if not name.startswith("metrla.client")} == {"metrla"}
    heavy = {"numpy", "pandas", "aiokafka", "fastapi", "shapely", "sqlalchemy", "onnxruntime", "faust", "structlog"}
    assert not heavy & set(libraries)
