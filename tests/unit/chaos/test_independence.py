"""What judges the services shares no code with them."""

import ast
from pathlib import Path

import pytest

CHAOS = Path(__file__).parents[2] / "chaos"
JUDGES = ("auditor", "expectation", "findings", "holdings", "hbase_rows", "logs", "watermark")
ALLOWED = ("shared.events.topics", "tests.chaos.")


@pytest.mark.parametrize("module", JUDGES)
def test_a_judge_imports_topic_names_and_nothing_else_of_ours(module: str) -> None:
    tree = ast.parse((CHAOS / f"{module}.py").read_text(encoding="utf-8"))
    imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    ours = [name for name in imported if name.split(".")[0] in {"services", "shared", "metrla", "tests"}]
    assert all(name.startswith(ALLOWED) for name in ours), ours
