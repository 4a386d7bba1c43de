"""`metrla run`: one service process, configured by its environment."""

import importlib
from enum import StrEnum
from typing import Annotated

import typer


class Service(StrEnum):
    """The services that can be run."""

    INGEST = "ingest"
    PREDICTOR = "predictor"
    ALERT_DETECTOR = "alert-detector"
    GATEWAY = "gateway"

    @property
    def module(self) -> str:
        """The composition root: what `python -m` would run."""
        return f"services.{self.replace('-', '_')}.app"


def run(service: Annotated[Service, typer.Argument(help="The service to run.", show_default=False)]) -> None:
    """Run one service in the foreground until SIGTERM or Ctrl-C.

    Its settings come from the environment: METRLA_… for all, METRLA_INGEST_… and so on for one (docs/operations.md).
    """
    # Only the one service is imported: a gateway needs no Faust, an ingest no FastAPI.
    raise typer.Exit(importlib.import_module(service.module).main())
