"""The recipe for nginx: whole, in step with the gateway's own limits, and taken by nginx where there is one."""

import re
import subprocess
from pathlib import Path

import pytest

from services.gateway.routes.advisories import MAX_BODY_BYTES
from tests.kit.nginx import NGINX, RECIPE, configured


def statements() -> list[str]:
    text = re.sub(r"#[^\n]*", "", RECIPE.read_text(encoding="utf-8"))
    return [" ".join(each.split()) for each in re.split(r"[;{}]", text) if each.strip()]


def test_braces_and_statements_are_whole() -> None:
    depth = 0
    for line in re.sub(r"#[^\n]*", "", RECIPE.read_text(encoding="utf-8")).splitlines():
        text = line.strip()
        depth += text.count("{") - text.count("}")
        assert depth >= 0
        assert not text or text[-1] in ";{}"
    assert depth == 0


def test_the_recipe_says_who_asks_and_lets_nobody_else_say_so() -> None:
    said = statements()
    # nginx inherits headers only where a location sets none of its own.
    for name in ("Host $host", "X-Forwarded-For $remote_addr", "X-Forwarded-Proto $scheme"):
        assert said.count(f"proxy_set_header {name}") == 2
    assert not any("proxy_add_x_forwarded_for" in each for each in said)
    assert "proxy_set_header Upgrade $http_upgrade" in said
    assert "ssl_reject_handshake on" in said
    assert {"limit_req_status 429", "limit_conn_status 429"} <= set(said)


def test_the_recipe_takes_the_bodies_that_the_gateway_takes() -> None:
    assert f"client_max_body_size {MAX_BODY_BYTES // 2**20}m" in statements()
    assert "client_max_body_size 64k" in statements()


@pytest.mark.skipif(NGINX is None, reason="no nginx here")
def test_nginx_takes_the_recipe(tmp_path: Path) -> None:
    whole, _ = configured(tmp_path, 443, 8000)
    done = subprocess.run([str(NGINX), "-t", "-c", str(whole)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
