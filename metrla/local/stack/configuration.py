"""The configuration files of the native stack: the templates of `deploy/native/conf`, filled in."""

from pathlib import Path
from string import Template

from metrla.local.stack.components import LOOPBACK
from metrla.local.stack.jars import NATIVE
from metrla.local.stack.shape import StackShape

# HDFS refuses to start without these folders on its class path; its jars carry no web pages.
_WEBAPPS = ("hdfs", "datanode", "static")


def write_configuration(run: Path, shape: StackShape) -> Path:
    """Fill in all templates for a stack whose data lie in `run`; returns the folder they were written to."""
    values = {
        **shape.ports.named(),
        "run": str(run),
        "hbase_root": (
            f"hdfs://{LOOPBACK}:{shape.ports.namenode_rpc}/hbase" if shape.hbase_on_hdfs else (run / "hbase").as_uri()
        ),
        "hbase_distributed": str(shape.hbase_on_hdfs).lower(),
    }
    target = run / "conf"
    for template in sorted((NATIVE / "conf").rglob("*")):
        if template.is_file():
            path = target / template.relative_to(NATIVE / "conf")
            path.parent.mkdir(parents=True, exist_ok=True)
            # safe_substitute: log patterns have a syntax of their own with the same signs.
            path.write_text(Template(template.read_text(encoding="utf-8")).safe_substitute(values), encoding="utf-8")
    for webapp in _WEBAPPS:
        (target / "hdfs" / "webapps" / webapp).mkdir(parents=True, exist_ok=True)
    return target
