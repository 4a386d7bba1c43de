"""`python -m tests.fuzz`: hostile inputs for every decoder and reader, for as long as is asked."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from tests.fuzz.catalogue import TARGETS
from tests.fuzz.gateway import close_world
from tests.fuzz.hunt import case_of, hunt

SECONDS_PER_MINUTE = 60.0
EXIT_FOUND, EXIT_UNKNOWN = 1, 2


def main(
    minutes: Annotated[float, typer.Option(help="How long, all targets together.", min=0.01)] = 60.0,
    target: Annotated[list[str] | None, typer.Option(help="Only this one; repeat for several.")] = None,
    corpus: Annotated[Path, typer.Option(help="Folder of inputs that failed before; they are tried first.")] = Path(
        ".metrla/fuzz/corpus"
    ),
    findings: Annotated[Path, typer.Option(help="Folder for a file of each kind of failure.")] = Path(
        ".metrla/fuzz/findings"
    ),
    seed: Annotated[int, typer.Option(help="Seed of the first round.", min=0)] = 0,
    replay: Annotated[Path | None, typer.Option(help="Try the input of one such file again, and no other.")] = None,
) -> None:
    """Try hostile inputs on every decoder and reader; ends with status 1 where something fails on one."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    if replay is not None:
        name, case = case_of(replay.read_text(encoding="utf-8"))
        TARGETS[name].check(case)
        typer.echo(f"{name}: nothing fails any more")
        return
    unknown = set(target or ()) - TARGETS.keys()
    if unknown:
        typer.echo(f"fuzz: {', '.join(sorted(unknown))} is none of {', '.join(TARGETS)}", err=True)
        raise typer.Exit(EXIT_UNKNOWN)
    chosen = [TARGETS[name] for name in target or TARGETS]
    try:
        found = hunt(chosen, minutes * SECONDS_PER_MINUTE, corpus, typer.echo, seed)
    finally:
        close_world()
    for finding in found:
        findings.mkdir(parents=True, exist_ok=True)
        (findings / finding.name).write_text(finding.text(), encoding="utf-8")
        typer.echo(f"{findings / finding.name}: {finding.kind}")
    typer.echo(f"{len(found)} findings")
    raise typer.Exit(EXIT_FOUND if found else 0)


if __name__ == "__main__":
    typer.run(main)
