"""nginx with the recipe of `deploy/nginx`, as the user of the tests, on free ports of 127.0.0.1."""

import asyncio
import getpass
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.kit.certificates import certified
from tests.kit.places import ROOT
from tests.kit.until import until

RECIPE = ROOT / "deploy" / "nginx" / "metrla.conf"
NGINX = shutil.which("nginx")
NAME = "traffic.example.org"
"""What the recipe calls the gateway to the world."""
STARTS_S = 20.0


def configured(folder: Path, port: int, gateway_port: int) -> tuple[Path, Path]:
    """The recipe with these ports as a whole configuration below `folder`, and its certificate."""
    certificate, key = certified(folder, NAME)
    text = RECIPE.read_text(encoding="utf-8")
    for old, new in (
        ("/etc/nginx/tls/traffic.example.org.pem", str(certificate)),
        ("/etc/nginx/tls/traffic.example.org.key", str(key)),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("server 127.0.0.1:8000", f"server 127.0.0.1:{gateway_port}"),
    ):
        assert old in text, f"the recipe no longer says {old}"
        text = text.replace(old, new)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    whole = folder / "nginx.conf"
    whole.write_text(
        f"user {getpass.getuser()}; daemon off; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ access_log off; {places}\n{text}\n}}\n"
    )
    return whole, certificate


@asynccontextmanager
async def in_front_of(gateway_port: int, port: int, folder: Path) -> AsyncIterator[Path]:
    """nginx at `port` before the gateway; gives the certificate by which to trust it."""
    assert NGINX is not None
    whole, certificate = configured(folder, port, gateway_port)
    process = await asyncio.create_subprocess_exec(
        NGINX, "-p", str(folder), "-c", str(whole), "-e", str(folder / "error.log"), stderr=asyncio.subprocess.PIPE
    )

    async def listens() -> bool:
        if process.returncode is not None:
            _, said = await process.communicate()
            raise AssertionError(f"nginx ended: {said.decode()}")
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    try:
        await until(listens, "nginx listens", STARTS_S)
        yield certificate
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()
