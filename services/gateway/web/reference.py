"""`/docs`: the API reference as Swagger UI, from files that are installed here; nothing is loaded from outside."""

import asyncio
import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import fastapi_offline
from fastapi import Depends, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse, JSONResponse, Response

from services.gateway.access.principals import Scope
from services.gateway.routes.guarded import Needs
from services.gateway.web.files import WholeFiles

FILES = Path(fastapi_offline.__file__).parent / "static"
FILES_URL = "/docs/files"

_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


OPENAPI_URL = "/openapi.json"
SEES_DOCS = Depends(Needs(Scope.READ, setting="docs"))


def add_reference(application: FastAPI) -> None:
    """Serve the reference of `application` at /docs, and its document at /openapi.json, to whom the setting lets."""
    application.mount(FILES_URL, WholeFiles(directory=FILES), name="reference files")
    page = get_swagger_ui_html(
        openapi_url=OPENAPI_URL,
        title=application.title,
        swagger_js_url=f"{FILES_URL}/swagger-ui-bundle.js",
        swagger_css_url=f"{FILES_URL}/swagger-ui.css",
        swagger_favicon_url="/live-map/favicon.svg",
        swagger_ui_parameters={"tryItOutEnabled": True, "defaultModelsExpandDepth": 0},
    )
    page.headers["Content-Security-Policy"] = _policy(bytes(page.body))

    async def reference() -> HTMLResponse:
        return page

    written = asyncio.Lock()
    made: list[bytes] = []

    async def document() -> Response:
        async with written:
            if not made:
                # Half a second, and the same for everybody.
                made.append(await asyncio.to_thread(lambda: bytes(JSONResponse(application.openapi()).body)))
        return Response(made[0], media_type="application/json")

    application.add_api_route("/docs", reference, include_in_schema=False, dependencies=[SEES_DOCS])
    application.add_api_route(OPENAPI_URL, document, include_in_schema=False, dependencies=[SEES_DOCS])


def _policy(page: bytes) -> str:
    """Allow the page's own inline scripts by their hashes, and the styles that Swagger UI sets as it runs."""
    hashes = " ".join(
        f"'sha256-{b64encode(sha256(script).digest()).decode()}'" for script in _INLINE_SCRIPT.findall(page)
    )
    return (
        f"default-src 'none'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
