"""The recipe for nginx: whole, in step with the gateway's own limits, and taken by nginx where there is one."""

import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from services.gateway.routes.advisories import MAX_BODY_BYTES
from tests.kit.places import ROOT

RECIPE = ROOT / "deploy" / "nginx" / "metrla.conf"
NGINX = shutil.which("nginx")


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


def test_the_recipe_takes_the_bodies_that_the_gateway_takes() -> None:
    assert f"client_max_body_size {MAX_BODY_BYTES // 2**20}m" in statements()
    assert "client_max_body_size 64k" in statements()


@pytest.mark.skipif(NGINX is None, reason="no nginx here")
def test_nginx_takes_the_recipe(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "traffic.example.org")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem, private = tmp_path / "x.pem", tmp_path / "x.key"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    recipe = RECIPE.read_text(encoding="utf-8").replace("/etc/nginx/tls/traffic.example.org", str(tmp_path / "x"))
    whole = tmp_path / "nginx.conf"
    whole.write_text(f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ {recipe} }}")
    done = subprocess.run([str(NGINX), "-t", "-c", str(whole)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
