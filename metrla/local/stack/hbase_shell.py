"""The HBase shell of the native stack: its own program, run with the configuration of a stack that is up."""

from collections.abc import Sequence
from pathlib import Path

from metrla.local.stack import jars
from shared.events.errors import ConfigurationError

LIBRARY = "hbase-shell"
_HEAP = "-Xmx256m"
_JVM = (
    *("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", _HEAP),
    # JRuby asks for them.
    *("--add-opens", "java.base/java.io=ALL-UNNAMED", "--add-opens", "java.base/sun.nio.ch=ALL-UNNAMED"),
)


def shell_command(run: Path, arguments: Sequence[str] = ()) -> list[str]:
    """The command that runs the shell on the stack in folder `run`; its jars are fetched the first time (29 MB).

    Args:
        run: the stack's folder.
        arguments: what `hbase shell` takes, such as `-n script.rb`.

    Raises:
        ConfigurationError: no stack was started there, or there is no Java or no Maven.
        JarsError: the jars could not be fetched.
    """
    configuration = run.absolute() / "conf" / "hbase"
    if not (configuration / "hbase-site.xml").exists():
        raise ConfigurationError(f"{run} holds no stack: start one with `metrla stack up --run {run}`")
    if not jars.library(LIBRARY).is_dir():
        jars.fetch(LIBRARY)
    class_path = (
        # One command of the published shell is replaced; JRuby's own libraries go before HBase's older ones.
        jars.NATIVE / LIBRARY,
        jars.library(LIBRARY) / "*",
        configuration,
        jars.library("hbase") / "*",
    )
    return [jars.java(), *_JVM, "-cp", ":".join(map(str, class_path)), "org.jruby.JarBootstrapMain", *arguments]
