"""The OpenAPI document: FastAPI's, with every error as the problem that it is."""

from functools import partial
from typing import Any

from fastapi import FastAPI

from services.gateway.web.problems import PROBLEM_JSON, ParameterFault, Problem

_REFERENCE = "#/components/schemas/{model}"


def describe(application: FastAPI) -> None:
    """Make `application` describe its errors as problems."""
    application.openapi = partial(_document, application, application.openapi)  # type: ignore[method-assign]  # FastAPI's way


def _document(application: FastAPI, generate: Any) -> dict[str, Any]:  # noqa: ANN401 - a bound method of FastAPI
    if application.openapi_schema is not None:
        return application.openapi_schema
    document: dict[str, Any] = generate()
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for model in (Problem, ParameterFault):
        schemas[model.__name__] = model.model_json_schema(ref_template=_REFERENCE)
        schemas[model.__name__].pop("$defs", None)
    problem = {PROBLEM_JSON: {"schema": {"$ref": _REFERENCE.format(model="Problem")}}}
    for path in document["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if status.startswith(("4", "5")):
                    response["content"] = problem
            if "422" in operation["responses"]:
                operation["responses"]["422"]["description"] = "A parameter is not valid; `errors` names each."
    return document
