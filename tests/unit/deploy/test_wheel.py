"""The distribution `metrla` as it is installed: with the data that its commands read."""

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.places import ROOT

TAKEN_ALONG = ("schemas", "deploy/native")


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(ROOT)], check=True, timeout=100)
    (built,) = folder.glob("*.whl")
    return frozenset(zipfile.ZipFile(built).namelist())


def data_files() -> Iterator[Path]:
    for folder in TAKEN_ALONG:
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def test_it_holds_the_schemas_and_what_the_native_stack_is_built_from(inside: frozenset[str]) -> None:
    assert {str(path.relative_to(ROOT)) for path in data_files()} <= inside


def test_the_image_is_built_from_all_of_it() -> None:
    image = (ROOT / "deploy" / "docker" / "Dockerfile").read_text(encoding="utf-8")
    assert [folder for folder in TAKEN_ALONG if f"COPY {folder} {folder}\n" not in image] == []
