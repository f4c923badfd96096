"""`/docs`: the OpenAPI description as a page, without scripts from anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jinja2
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from msgspec import Struct
from msgspec.structs import asdict

from .templating import look_of

Json = dict[str, Any]


class Field(Struct, frozen=True):
    name: str
    kind: str
    words: str
    required: bool


class Operation(Struct, frozen=True):
    """One method of one path. `answers` are (status, meaning, model)."""

    method: str
    path: str
    summary: str
    fields: tuple[Field, ...]
    answers: tuple[tuple[str, str, str], ...]


class Model(Struct, frozen=True):
    name: str
    words: str
    fields: tuple[Field, ...]


class DocsContext(Struct, frozen=True):
    """What `docs.html` gets beside `look` and `here`: operations, then the models they name."""

    operations: tuple[Operation, ...]
    models: tuple[Model, ...]
    openapi_url: str


def name_of(schema: Json) -> str:
    """A schema in a word: a model's name, a type, or alternatives of them."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(name_of(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {name_of(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"object of {name_of(schema['additionalProperties'])}"
    return str(schema.get("const", schema.get("type", "any")))


def fields_of(schema: Json) -> Iterator[Field]:
    required = schema.get("required", ())
    for name, one in schema.get("properties", {}).items():
        yield Field(name, name_of(one), one.get("description", ""), name in required)


def operation_of(method: str, path: str, operation: Json, models: Json) -> Operation:
    fields = [
        Field(one["name"], name_of(one["schema"]), one.get("description", ""), one["required"])
        for one in operation.get("parameters", ())
    ]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schema = content["schema"]
        fields += fields_of(models[name_of(schema)] if "$ref" in schema else schema)
    answers = []
    for status, response in operation["responses"].items():
        model = "".join(name_of(c["schema"]) for c in response.get("content", {}).values())
        answers.append((status, response["description"], model))
    return Operation(
        method.upper(), path, operation["summary"], tuple(fields), tuple(sorted(answers))
    )


def context_of(description: Json) -> DocsContext:
    models = description["components"]["schemas"]
    operations = tuple(
        operation_of(method, path, operation, models)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    )
    listed = tuple(
        Model(name, schema.get("description", ""), tuple(fields_of(schema)))
        for name, schema in models.items()
    )
    return DocsContext(operations, listed, "/api/v1/openapi.json")


def router(app: FastAPI, templates: jinja2.Environment) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/docs")
    async def show_docs(request: Request) -> Response:
        context = context_of(app.openapi())
        body = templates.get_template("docs.html").render(
            asdict(context), look=look_of(request), here="docs"
        )
        return HTMLResponse(body, headers={"Cache-Control": "no-cache", "Vary": "Cookie"})

    return routes
