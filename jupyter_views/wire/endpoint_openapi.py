"""One endpoint as an OpenAPI 3.1 document of its own: what client generators read."""

from __future__ import annotations

from typing import Any

import msgspec

from ..core.model import Result, Version, View
from .endpoint_answers import RunOut, VersionMissing
from .endpoint_runs import RunRequest
from .envelope import BareError, ErrorOut
from .variable_schemas import Variable, address_parameters, variables_of, variables_schema

_REF = "#/components/schemas/{name}"
_SECURITY = "PersonalAPIKey"
_NAMES = {"RunRequest": "EndpointRunRequest", "RunOut": "EndpointRunResponse"}
# What columns are in JSON. Days and instants are texts without a format: a generated client
# would else take a text that looks like a day, in the column beside it, for one.
_CELLS = {
    "integer": "integer",
    "decimal": "number",
    "double": "number",
    "boolean": "boolean",
    "string": "string",
    "time": "string",
    "duration": "string",
    "date": "string",
    "timestamp": "string",
    "timestamptz": "string",
    "list": "array",
}
_FAILURES = {
    "400": ("What was asked is wrong, or the query failed", ("ErrorOut", "BareError")),
    "401": ("Without a key, or with one that is none", ("ErrorOut",)),
    "404": ("No such endpoint, or no such version", ("ErrorOut", "VersionMissing")),
}


def endpoint_document(
    view: View, version: Version, result: Result | None, base: str, *, is_pinned: bool
) -> dict[str, Any]:
    """The document of a version of an endpoint.

    Parameters
    ----------
    result
        Rows of this version, for the types of its columns; None where none are stored.
    base
        Whole address of the product, without a slash at its end.
    is_pinned
        A run of this document runs this version, whatever is current then.
    """
    door = view.endpoint
    assert door is not None
    variables = variables_of(version)
    pinned = version.n if is_pinned else None
    components = _components(variables, result, pinned)
    words = view.description or f"Run the endpoint {door.name}."
    identifier = door.name.replace("-", "_")
    common = {"summary": words, "tags": ["endpoints"], "responses": _responses()}
    return {
        "openapi": "3.1.0",
        "info": {"title": door.name, "description": words, "version": str(version.n)},
        "servers": [{"url": base}],
        "security": [{_SECURITY: []}],
        "paths": {
            f"/api/projects/{view.project_id}/endpoints/{door.name}/run": {
                "post": {
                    "operationId": f"run_{identifier}",
                    "requestBody": {
                        "required": "required" in components["EndpointRunRequest"],
                        "content": _json("EndpointRunRequest"),
                    },
                    **common,
                },
                "get": {
                    "operationId": f"read_{identifier}",
                    "description": "The same, with values in the address.",
                    "parameters": address_parameters(variables, pinned),
                    **common,
                },
            }
        },
        "components": {
            "schemas": components,
            "securitySchemes": {
                _SECURITY: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key with the scope endpoint:read.",
                }
            },
        },
    }


def _components(
    variables: tuple[Variable, ...], result: Result | None, pinned: int | None
) -> dict[str, Any]:
    """The very types that check a run and write its answer, told of this endpoint."""
    kinds = (RunRequest, RunOut, ErrorOut, BareError, VersionMissing)
    _, found = msgspec.json.schema_components(kinds, ref_template=_REF)
    components = {_NAMES.get(name, name): _bounded(schema) for name, schema in found.items()}
    request, answer = components["EndpointRunRequest"], components["EndpointRunResponse"]
    request |= {
        "title": "EndpointRunRequest",
        "description": "What may be asked of a run.",
        "additionalProperties": False,
    }
    properties = request["properties"]
    whole = {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    properties |= {name: dict(whole) for name in ("version", "limit", "offset")}
    if pinned is not None:
        properties["version"] = {"type": "integer", "default": pinned}
    # Overrides by id are for dashboards of the page's own, and SQL takes no other query.
    for name in ("variables_override", "query_override"):
        properties.pop(name)
    if not {each.name for each in variables} & {"date_from", "date_to"}:
        properties.pop("filters_override")
    for name in ("variables", "variables_values"):
        properties.pop(name)
        if variables:
            properties[name] = {"$ref": _REF.format(name="Variables")}
    if variables:
        components["Variables"] = variables_schema(variables)
    request.pop("required", None)
    if any(each.is_required for each in variables):
        request["required"] = ["variables"]
    answer |= {
        "title": "EndpointRunResponse",
        "description": "Rows, and how far they can be trusted.",
    }
    answer["properties"]["results"] = _rows_schema(result)
    return components


def _bounded(schema: Any) -> Any:
    """A schema whose tuples end by their number: ``items: false`` is read by no generator."""
    if isinstance(schema, list):
        return [_bounded(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _bounded(value) for name, value in schema.items()}
    if "prefixItems" in found and found.get("items") is False:
        del found["items"]
    return found


def _rows_schema(result: Result | None) -> dict[str, Any]:
    """Rows as arrays in the order of the columns; null where there are none to serve."""
    row: dict[str, Any] = {"type": "array", "items": {}}
    if result is not None and result.columns:
        row = {
            "type": "array",
            "prefixItems": [
                {"title": column.name, "description": column.engine_type, **_cell(column.type)}
                for column in result.columns
            ],
            "minItems": len(result.columns),
            "maxItems": len(result.columns),
        }
    return {"anyOf": [{"type": "array", "items": row}, {"type": "null"}]}


def _cell(kind: str) -> dict[str, Any]:
    name = _CELLS.get(kind)
    if name is None:
        return {}
    items: dict[str, Any] = {"items": {}} if name == "array" else {}
    return {"anyOf": [{"type": name, **items}, {"type": "null"}]}


def _responses() -> dict[str, Any]:
    found: dict[str, Any] = {
        "200": {"description": "Rows", "content": _json("EndpointRunResponse")},
        "202": {
            "description": "What was asked for is being calculated: see query_status",
            "content": _json("EndpointRunResponse"),
        },
    }
    found |= {
        status: {"description": words, "content": _json(*names)}
        for status, (words, names) in _FAILURES.items()
    }
    seconds = {"description": "Seconds to wait.", "schema": {"type": "integer"}}
    found["429"] = {
        "description": "Too many runs",
        "headers": {"Retry-After": seconds},
        "content": _json("ErrorOut"),
    }
    return found


def _json(*names: str) -> dict[str, Any]:
    refs = [{"$ref": _REF.format(name=name)} for name in names]
    return {"application/json": {"schema": refs[0] if len(refs) == 1 else {"anyOf": refs}}}
