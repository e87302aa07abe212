"""The OpenAPI 3.1 document, made from the very types that check requests and write answers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, get_args

import msgspec

from .._version import __version__
from ..core.ports import Format
from .errors import ErrorBody

_VERBS = ("get", "head", "post", "put", "patch", "delete")
_WORDS_IN_PATHS = {"format": {"enum": list(get_args(Format))}}
_REF = "#/components/schemas/{name}"


def document(routes: Iterable[Any], prefix: str) -> dict[str, Any]:
    """The whole surface.

    Parameters
    ----------
    routes
        Objects with ``path`` and ``handler``; a handler's verbs carry an
        ``operation`` that says what they take and give.
    prefix
        Path in front of every route.
    """
    table = tuple(routes)
    operations = [operation for route in table for _, operation in _operations(route)]
    kinds = {
        kind for operation in operations for kind in (operation.body, operation.answer) if kind
    }
    queries = {operation.query for operation in operations if operation.query}
    ordered = sorted(kinds | queries | {ErrorBody}, key=lambda kind: kind.__name__)
    schemas, components = msgspec.json.schema_components(ordered, ref_template=_REF)
    known = dict(zip(ordered, schemas, strict=True))
    # Parameters stand one by one where they are taken, not as an object.
    known |= {kind: components.pop(kind.__name__) for kind in queries}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Jupyter Views",
            "version": __version__,
            "license": {"name": "BSD-3-Clause", "identifier": "BSD-3-Clause"},
        },
        "servers": [{"url": prefix}],
        "security": [{"key": []}],
        "paths": {
            f"/{route.path}": {
                "parameters": _path_parameters(route.path),
                **{
                    verb: _operation(operation, known, f"{verb}_{_identifier(route.path)}")
                    for verb, operation in _operations(route)
                },
            }
            for route in table
        },
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operations(route: Any) -> list[tuple[str, Any]]:
    found = ((verb, getattr(route.handler, verb, None)) for verb in _VERBS)
    return [(verb, method.operation) for verb, method in found if hasattr(method, "operation")]


def _identifier(path: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", path.lower()).strip("_")


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string"} | _WORDS_IN_PATHS.get(name, {}),
        }
        for name in re.findall(r"{(\w+)}", path)
    ]


def _operation(operation: Any, known: dict[type, Any], operation_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": operation.summary}
    if operation.answer is not None:
        answer["content"] = {"application/json": {"schema": known[operation.answer]}}
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": operation_id,
        "responses": {
            str(operation.status): answer,
            "default": {
                "description": "What went wrong",
                "content": {"application/json": {"schema": known[ErrorBody]}},
            },
        },
    }
    if operation.is_public:
        described["security"] = []
    if operation.scope:
        described["description"] = f"A key needs the scope {operation.scope}."
    if operation.query is not None:
        described["parameters"] = _query_parameters(known[operation.query])
    if operation.body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": known[operation.body]}},
        }
    return described


def _query_parameters(schema: dict[str, Any]) -> list[dict[str, Any]]:
    required = set(schema.get("required", ()))
    return [
        {"name": name, "in": "query", "required": name in required, "schema": described}
        for name, described in schema["properties"].items()
    ]
