"""The rules of the house that no linter knows."""

import ast
import fnmatch
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from shared.events.topics import TOPICS
from tests.kit.places import ROOT

MAX_LINES = 400
"""Cohesion comes first: a module is split where it has two jobs. This only stops what nobody can oversee."""
PACKAGES = ("metrla", "services", "shared")
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc", "base", "core", "stuff"}
"""They say nothing of what a module holds."""
LEAST_ROOM_LINES = 4
MIRRORED = ROOT / "metrla" / "client"
"""A distribution of its own that imports nothing of ours: its models have the names of the API."""
POLLS = {"until", "eventually"}
"""What waits are called where somebody has written one of his own."""
OWN_POLLS = {
    "tests/chaos/feeder.py": "keeps the rate of a feed",
    "tests/chaos/injector.py": "waits for a process as long as the run takes",
    "tests/chaos/settling.py": "waits until nothing grows any more, which is no condition of one moment",
    "tests/unit/gateway/test_server.py": "counts the turns of the loop",
    "tests/hostile/attackers.py": "attacks again and again",
    "tests/hostile/honest.py": "asks at a steady rate, as programs do",
    "tests/hostile/siege.py": "feeds at a steady rate",
}
OWN_ENVIRONMENTS = {
    "tests/test_architecture.py": "looks for them",
    "tests/integration/kit/test_processes.py": "tests the one of the kit",
    "tests/unit/deploy/test_compose.py": "reads those of the compose file",
}
TERMINAL = ROOT / "metrla" / "terminal.py"
OWN_WAYS_OUT = {
    "metrla/cli/querying/output.py": {"sys.stdout"},  # rows for programs, which it escapes where a terminal gets them
    "metrla/cli/tables.py": {"sys.stdout"},  # asks whether it is a terminal
    "metrla/data/feeds/files/hdf5.py": {"sys.stderr"},  # a child process, for its parent, which reads the line
    "metrla/local/devbroker/__main__.py": {"sys.stderr"},  # the log of the embedded broker
}
SAME_NAMES = {"Answer": 2, "Instant": 2, "Json": 3, "Minutes": 2, "Record": 2, "Sensor": 2, "Share": 2}
"""Public classes and types whose names mean several things, with how many. The list only shrinks."""


def modules() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def literals(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_stays_readable(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES, "split it"


def test_topic_names_stand_in_one_place() -> None:
    names = {topic.name for topic in TOPICS} - {"traffic-events"}
    strays = {
        f"{path.relative_to(ROOT)}: {text}"
        for path in modules()
        if path != ROOT / "shared/events/topics.py"
        for text in literals(path)
        if text in names
    }
    assert not strays


def test_metric_names_stand_in_one_place() -> None:
    # The launcher reads metrics as any scraper does, by name.
    allowed = {ROOT / "shared/runtime/metrics.py", ROOT / "metrla/local/launcher/figures.py"}
    services = re.compile(r"^metrla_(ingest|predictor|alert_detector|gateway)_")
    strays = {
        f"{path.relative_to(ROOT)}: {text}"
        for path in modules()
        if path not in allowed
        for text in literals(path)
        if services.match(text)
    }
    assert not strays


def test_pauses_between_attempts_are_worked_out_in_one_place() -> None:
    # The client is a distribution of its own.
    allowed = {ROOT / "shared/kafka/persistence.py", MIRRORED / "gateway.py"}
    jitter = re.compile(r"(?<![\w.])random\.uniform\(")
    strays = {
        str(path.relative_to(ROOT))
        for path in modules()
        if path not in allowed and jitter.search(path.read_text(encoding="utf-8"))
    }
    assert not strays, "use shared.kafka.persistence.Pauses"


def test_text_is_judged_printable_by_one_rule() -> None:
    # As a short cut for plain ASCII, and in paths of the archive, which are ASCII.
    allowed = {
        ROOT / "shared/events/text.py",
        ROOT / "shared/events/limits.py",
        ROOT / "shared/archive/port.py",
        TERMINAL,
    }
    strays = {
        str(path.relative_to(ROOT))
        for path in modules()
        if path not in allowed and "isprintable" in path.read_text(encoding="utf-8")
    }
    assert not strays, "use shared.events.text"


def test_redirects_are_followed_by_one_rule() -> None:
    # metrla/data/web.py looks where each leads. Other clients follow none, but WebHDFS, whose name nodes send whoever
    # asks to the node that has the block.
    fetching = re.compile(
        r"(follow|allow)_redirects=True|\burl(open|retrieve)\(|^import requests|requests\.(get|post)\("
    )
    strays = {str(path.relative_to(ROOT)) for path in modules() if fetching.search(path.read_text(encoding="utf-8"))}
    assert not strays, "metrla/data/web.py has the rule"


def test_the_lock_file_names_no_index() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links|--trusted-host", lock)


def ways_out(path: Path) -> Iterator[tuple[str, int]]:
    """What a module has that writes to a terminal by itself, with its line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Name(id="print" | "Console" | "echo" as name)):
                yield name, node.lineno
            case ast.Attribute(
                value=ast.Name(id="typer" | "click" as module), attr="echo" | "secho" | "confirm" as name
            ):
                yield f"{module}.{name}", node.lineno
            case ast.Attribute(value=ast.Name(id="sys"), attr="stdout" | "stderr" as name):
                yield f"sys.{name}", node.lineno
            case ast.Call(func=ast.Name(id="TextColumn"), keywords=keywords):
                # Texts of progress bars are markup unless told otherwise: a bracket in a file's name would be an error.
                if "markup" not in {keyword.arg for keyword in keywords}:
                    yield "TextColumn without markup=False", node.lineno


def test_all_that_is_printed_goes_through_one_module_that_makes_it_printable() -> None:
    strays = {
        f"{path.relative_to(ROOT)}:{line}: {way}"
        for path in modules()
        if path.is_relative_to(ROOT / "metrla") and path != TERMINAL and not path.is_relative_to(MIRRORED)
        for way, line in ways_out(path)
        if way not in OWN_WAYS_OUT.get(str(path.relative_to(ROOT)), ())
    }
    assert not strays, "metrla/terminal.py has `say`, `console` and `confirm`"
    obsolete = {
        place for place, spared in OWN_WAYS_OUT.items() if not spared <= {way for way, _ in ways_out(ROOT / place)}
    }
    assert not obsolete, "well done: take it off OWN_WAYS_OUT"


def is_type_variable(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func) in {"TypeVar", "ParamSpec"}


def public_types(path: Path) -> Iterator[str]:
    """Names of the public classes and types at a module's top level."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        match node:
            case ast.ClassDef(name=name):
                found = name
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if not is_type_variable(value):
                found = name
            case ast.AnnAssign(target=ast.Name(id=name)):
                found = name
            case _:
                continue
        if re.fullmatch(r"[A-Z][a-z]\w*", found):
            yield found


def public_classes() -> dict[str, list[str]]:
    """Where each public class or type of a module's top level is."""
    found: dict[str, list[str]] = {}
    for path in modules():
        if not path.is_relative_to(MIRRORED):
            for name in public_types(path):
                found.setdefault(name, []).append(str(path.relative_to(ROOT)))
    return found


def test_a_public_class_name_means_one_thing() -> None:
    several = {name: places for name, places in public_classes().items() if len(places) > 1}
    new = {name: places for name, places in several.items() if len(places) > SAME_NAMES.get(name, 1)}
    assert not new, "name it after what it is here, see docs/glossary.md"
    obsolete = {name for name, count in SAME_NAMES.items() if len(several.get(name, ())) < count}
    assert not obsolete, "well done: take it off SAME_NAMES"


def test_a_module_is_named_by_what_it_holds() -> None:
    assert not [str(path.relative_to(ROOT)) for path in modules() if path.stem in EMPTY_NAMES]
    assert not [str(path.parent.relative_to(ROOT)) for path in rooms() if path.parent.name in EMPTY_NAMES]


def rooms() -> list[Path]:
    return [path for path in modules() if path.name == "__init__.py"]


def docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


@pytest.mark.parametrize("path", rooms(), ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_a_room_says_what_it_is_for(path: Path) -> None:
    text = docstring(path)
    assert len(text.splitlines()) >= LEAST_ROOM_LINES, "purpose, main parts, how things flow, what it must not know"


@pytest.mark.parametrize("path", rooms(), ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_what_a_room_says_to_be_in_it_is_there(path: Path) -> None:
    """The first column of the picture in a room's docstring names modules and folders."""
    if path.parent == MIRRORED:
        pytest.skip("its picture is an example of use")
    there = {entry.stem if entry.suffix == ".py" else entry.name for entry in path.parent.iterdir()}
    lines = re.findall(r"^    ([a-z_].*)$", docstring(path), re.MULTILINE)
    said = {name.strip(" /") for line in lines for name in re.split(r"\s{2,}", line)[0].split(",")}
    assert not said - there


def runs_at_import(node: ast.stmt) -> bool:
    """Whether a statement of a module's top level does more than define something."""
    match node:
        case ast.Expr(value=ast.Constant()):
            return False
        case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Compare(left=ast.Name(id="__name__"))):
            return False
    return not isinstance(
        node,
        ast.Import
        | ast.ImportFrom
        | ast.Assign
        | ast.AnnAssign
        | ast.ClassDef
        | ast.FunctionDef
        | ast.AsyncFunctionDef,
    )


def test_importing_a_module_does_nothing() -> None:
    # Typer's commands, SQLAlchemy's indexes and Alembic's environment are put together by calls.
    wired = {"metrla/cli/main.py", "shared/store/sql/tables.py", "shared/store/migrations/env.py"}
    found = {
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in modules()
        if str(path.relative_to(ROOT)) not in wired
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if runs_at_import(node)
    }
    assert not found, "do it in a function that `app.py` calls"


@cache
def nodes_of_tests() -> list[tuple[str, ast.AST]]:
    """Every node of every test outside the kit, with where it is."""
    return [
        (str(path.relative_to(ROOT)), node)
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if not path.is_relative_to(ROOT / "tests/kit")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    ]


def called(node: ast.AST) -> str | None:
    """The last name of what is called: `sleep` of `asyncio.sleep(1)`."""
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name
    return None


def polls(node: ast.AST) -> bool:
    match node:
        case ast.While():
            return any(called(inner) == "sleep" for inner in ast.walk(node))
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return name in POLLS or name.startswith("wait_until")
    return False


def makes_an_environment(node: ast.AST) -> bool:
    """Whether it names the broker for a process, or clears what a developer has set."""
    match node:
        case ast.Dict(keys=keys):
            names = [key.value for key in keys if isinstance(key, ast.Constant)]
            return "METRLA_KAFKA_BOOTSTRAP_SERVERS" in names
        case ast.Constant(value="METRLA_"):
            return True
    return False


def test_tests_wait_with_the_until_of_the_kit() -> None:
    found = {place for place, node in nodes_of_tests() if polls(node)}
    assert not found - OWN_POLLS.keys(), "tests/kit/until.py has it"
    assert not OWN_POLLS.keys() - found, "well done: take it off OWN_POLLS"


def test_tests_take_networks_from_the_kit() -> None:
    assert not {place for place, node in nodes_of_tests() if called(node) == "Network"}, "tests/kit/networks.py"


def test_tests_take_alerts_and_advisories_from_the_kit() -> None:
    found = {place for place, node in nodes_of_tests() if called(node) in {"TrafficAlert", "TrafficAdvisory"}}
    assert not found, "tests/kit/announcements.py has `alert_of` and `advisory_of`"


def test_tests_take_environments_of_processes_from_the_kit() -> None:
    found = {place for place, node in nodes_of_tests() if makes_an_environment(node)}
    assert not found - OWN_ENVIRONMENTS.keys(), "tests/kit/processes.py has it"
    assert not OWN_ENVIRONMENTS.keys() - found, "well done: take it off OWN_ENVIRONMENTS"


def test_what_vulture_is_told_to_spare_exists() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["vulture"]["ignore_names"]
    words = {word for path in modules() for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))}
    assert not [pattern for pattern in told if not fnmatch.filter(words, pattern)]
