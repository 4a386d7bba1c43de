"""`metrla settings`: every environment variable that the processes read."""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from metrla.cli.tables import plain_table, print_tables
from metrla.terminal import say
from shared.runtime.settings import PlatformSettings

# The settings classes of the services, by the words that the reference uses for them.
SERVICES = {
    "ingest": "services.ingest.settings.IngestSettings",
    "predictor": "services.predictor.settings.PredictorSettings",
    "alert-detector": "services.alert_detector.settings.AlertDetectorSettings",
    "gateway": "services.gateway.settings.GatewaySettings",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable."""

    variable: str
    default: str
    description: str


def settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="As docs/settings.md has them.")] = False,
) -> None:
    """Show every setting: its environment variable, its default and what it does."""
    if markdown:
        say(reference(), newline=False)
        return
    for title, kind in _classes():
        table = plain_table(title=title)
        table.add_column("variable", no_wrap=True)
        table.add_column("default", overflow="fold")
        table.add_column("what it does")
        for setting in settings_of(kind):
            table.add_row(setting.variable, setting.default, setting.description)
        print_tables(table, "")


def settings_of(kind: type[BaseSettings]) -> Iterator[Setting]:
    """The variables that a settings class reads, in its order."""
    for name, field in kind.model_fields.items():
        default = field.get_default(call_default_factory=False) if field.default_factory is None else _made(kind, name)
        yield Setting(
            variable=f"{kind.model_config.get('env_prefix', '')}{name.upper()}",
            default=_shown(default),
            description=field.description or "",
        )


def reference() -> str:
    """All settings as Markdown: the text of docs/settings.md."""
    lines = ["# Settings", "", "Environment variables. `metrla settings` prints the same."]
    for title, kind in _classes():
        lines += ["", f"## {title}", "", "| variable | default | what it does |", "|---|---|---|"]
        lines += [f"| `{one.variable}` | {_code(one.default)} | {one.description} |" for one in settings_of(kind)]
    return "\n".join(lines) + "\n"


def _classes() -> Iterator[tuple[str, type[BaseSettings]]]:
    yield "every process", PlatformSettings
    for title, path in SERVICES.items():
        module, _, name = path.rpartition(".")
        yield title, getattr(importlib.import_module(module), name)


def _made(kind: type[BaseSettings], name: str) -> object:
    return getattr(kind.model_construct(), name)


def _shown(default: object) -> str:
    """A default as the environment would say it, the same on every machine."""
    if default is None or default is PydanticUndefined:
        return ""
    if isinstance(default, tuple):
        return ",".join(_shown(part) for part in default)
    return str(default).replace(str(Path.cwd()), "$PWD")


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
