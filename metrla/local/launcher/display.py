"""What the terminal shows while a pipeline runs, and when it has stopped."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from metrla.local.launcher.figures import Figures
from metrla.local.launcher.plan import PipelinePlan
from metrla.local.launcher.process import ChildProcess

MIB = 1024 * 1024


def whereabouts(plan: PipelinePlan, feed: str) -> Panel:
    """Where everything is: the page, the API, the log, the data."""
    rows = Table.grid(padding=(0, 2))
    for what, where in (
        ("page", plan.gateway_url),
        ("API", f"{plan.gateway_url}/docs"),
        ("WebSocket", f"{plan.gateway_url.replace('http', 'ws', 1)}/ws/predictions"),
        ("metrics", f"{plan.gateway_url}/metrics"),
        ("Kafka", plan.bootstrap_servers),
        ("archive", plan.archive_url.removeprefix("file://")),
        ("store", plan.store_url.removeprefix("sqlite:///")),
        ("logs", f"{plan.state / 'logs'}"),
        ("feed", feed),
    ):
        rows.add_row(Text(what, style="bold"), where)
    return Panel(rows, title="metrla", subtitle="Ctrl-C stops everything", title_align="left", subtitle_align="left")


def status(children: Sequence[ChildProcess], figures: Figures, elapsed: timedelta, zone: tzinfo) -> RenderableType:
    """The processes and the figures of now."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("process", "pid", "state", "memory", "restarts"):
        table.add_column(heading, justify="left" if heading in {"process", "state"} else "right")
    for child in children:
        memory = f"{child.rss_bytes() / MIB:.0f} MiB" if child.running else ""
        table.add_row(child.plan.name, str(child.pid), _state(child), memory, str(child.restarts))
    return Group(table, Text(), Text(progress_line(figures, elapsed, zone)))


def progress_line(figures: Figures, elapsed: timedelta, zone: tzinfo) -> str:
    """One line: event time and counts."""
    when = clock(figures.event_time, zone) if figures.event_time else "no forecast yet"
    return (
        f"{elapsed.total_seconds():5.0f} s   event time {when}   {figures.events:,} readings   "
        f"{figures.windows:,} windows   {figures.predictions:,} predictions   "
        f"{figures.alerts_active} active of {figures.alerts_raised} alerts   {figures.dead_lettered} dead-lettered"
    )


def summary(children: Sequence[ChildProcess], figures: Figures, elapsed: timedelta, archived: str) -> Panel:
    """What a pipeline did, after it stopped."""
    rows = Table.grid(padding=(0, 2))
    for what, value in (
        ("ran for", f"{elapsed.total_seconds():.0f} s"),
        ("readings", f"{figures.events:,} valid, {figures.dead_lettered:,} dead-lettered"),
        ("archive", archived),
        ("windows", f"{figures.windows:,} emitted"),
        ("predictions", f"{figures.predictions:,} (a sensor, a model and all horizons each)"),
        ("alerts", f"{figures.alerts_raised:,} raised, {figures.alerts_active:,} still active"),
        ("peak memory", ", ".join(f"{child.plan.name} {child.peak_rss_bytes / MIB:.0f} MiB" for child in children)),
        ("restarts", f"{sum(child.restarts for child in children)}"),
    ):
        rows.add_row(Text(what, style="bold"), value)
    return Panel(rows, title="stopped", title_align="left")


def clock(instant: datetime, zone: tzinfo) -> str:
    """An instant as the network's own clock shows it, with the zone's name."""
    return instant.astimezone(zone).strftime("%a %Y-%m-%d %H:%M %Z")


def _state(child: ChildProcess) -> Text:
    if child.suspended:
        return Text("suspended", style="red")
    if child.running:
        return Text("running", style="green")
    if child.returncode == 0:
        return Text("done", style="dim")
    return Text(f"ended ({child.returncode})", style="red")
