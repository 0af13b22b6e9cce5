"""The OpenAPI document, and a page that shows it. The page loads no scripts, styles or other files."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from litestar import Request
from litestar.enums import MediaType
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Tag

from engate.version import VERSION
from engate_api.subjects import SUBJECTS

Json = dict[str, Any]
METHODS = ("get", "post", "put", "patch", "delete")


def config() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="engate",
        version=VERSION,
        description="Couples any ERP to any storefront.",
        use_handler_docstrings=True,
        security=[{"key": []}],
        components=Components(security_schemes={"key": SecurityScheme(type="http", scheme="bearer")}),
        tags=[Tag(name=each.name, description=each.words) for each in SUBJECTS],
        operation_id_creator=_name_of,
        render_plugins=[Page()],
    )


def _name_of(handler: HTTPRouteHandler, _method: object, _path: object) -> str:
    """The name of the route's function. Generated clients name their methods after it, so a rename breaks them."""
    return handler.handler_name


class Page(OpenAPIRenderPlugin):
    """`/schema`: every operation by subject, with what it takes and answers. The whole is the document itself."""

    def __init__(self) -> None:
        super().__init__(path="/", media_type=MediaType.HTML)

    def render(self, request: Request[Any, Any, Any], openapi_schema: Json) -> bytes:
        at = self.get_openapi_json_route(request)  # pyright: ignore[reportUnknownMemberType]  # litestar says nothing of its request's types
        return "\n".join(page(openapi_schema, at)).encode()


STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}"
    "code,pre{font:14px/1.4 ui-monospace,monospace}pre{overflow:auto;background:#f4f4f4;padding:.5rem}"
    "details{border-bottom:1px solid #ddd;padding:.4rem 0}summary{cursor:pointer}summary b{display:inline-block;min-width:4.5rem}"
    "ul{margin:.3rem 0}nav a{margin-right:1rem}"
)
KEEPS_TO_ITSELF = "default-src 'none'; style-src 'unsafe-inline'"


def page(document: Json, at: str) -> Iterator[str]:
    info, tags = document["info"], document["tags"]
    yield "<!DOCTYPE html>"
    yield '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{KEEPS_TO_ITSELF}">'
    yield f"<title>{escape(info['title'])}</title><style>{STYLE}</style></head><body>"
    yield f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{escape(info['description'])}</p>"
    yield f'<p>The document: <a href="{escape(at)}">openapi.json</a>. '
    yield "Every request but those said to need no key carries <code>Authorization: Bearer &lt;key&gt;</code>.</p>"
    yield "<nav>" + "".join(f'<a href="#{_anchor(tag["name"])}">{escape(tag["name"])}</a>' for tag in tags) + "</nav>"
    for tag in tags:
        yield f'<h2 id="{_anchor(tag["name"])}">{escape(tag["name"])}</h2><p>{escape(tag["description"])}</p>'
        for path, item in document["paths"].items():
            for method in METHODS:
                operation = item.get(method)
                if operation is not None and tag["name"] in operation["tags"]:
                    yield from _operation(method, path, operation)
    yield '<h2 id="schemas">Schemas</h2>'
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield f'<details id="schema-{escape(name)}"><summary><code>{escape(name)}</code></summary>{"".join(_schema(schema))}</details>'
    yield "</body></html>"


def _anchor(name: str) -> str:
    return "subject-" + "".join(letter if letter.isalnum() else "-" for letter in name.lower())


def _operation(method: str, path: str, operation: Json) -> Iterator[str]:
    yield f'<details id="{escape(operation["operationId"])}"><summary><b>{method.upper()}</b> <code>{escape(path)}</code> '
    yield f"{escape(operation['summary'])}</summary>"
    yield f"<p>{escape(operation.get('description') or '')} (<code>{escape(operation['operationId'])}</code>"
    yield f"{', no key' if {} in (operation.get('security') or []) else ''})</p><ul>"
    parameters: list[Json] = operation.get("parameters") or []
    for parameter in parameters:
        required = " (required)" if parameter.get("required") else ""
        about = escape(parameter.get("description") or "")
        yield f"<li>{escape(parameter['in'])} <code>{escape(parameter['name'])}</code>{required}: {_kind(parameter['schema'])} {about}</li>"
    body: Json = operation.get("requestBody") or {}
    bodies: dict[str, Json] = body.get("content", {})
    for media, content in bodies.items():
        yield f"<li>body <code>{escape(media)}</code>: {_kind(content.get('schema') or {})}</li>"
    answers: dict[str, Json] = operation.get("responses") or {}
    for status, answer in answers.items():
        contents: dict[str, Json] = answer.get("content") or {}
        shapes = [_kind(content["schema"]) for content in contents.values() if content.get("schema")]
        yield f"<li>{escape(status)} {escape(answer['description'])}{': ' if shapes else ''}{', '.join(shapes)}</li>"
    yield "</ul></details>"


def _schema(schema: Json) -> Iterator[str]:
    yield f"<p>{escape(schema.get('description') or '')}</p><ul>"
    needed: list[str] = schema.get("required") or []
    fields: dict[str, Json] = schema.get("properties") or {}
    for name, field in fields.items():
        yield f"<li><code>{escape(name)}</code>{' (required)' if name in needed else ''}: {_kind(field)}</li>"
    yield "</ul>"


def _kind(schema: Json) -> str:
    """A type in a few words. A named schema is a link to it."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}"><code>{name}</code></a>'
    for together in ("oneOf", "anyOf", "allOf"):
        if together in schema:
            return " or ".join(_kind(each) for each in schema[together])
    if "enum" in schema:
        return " or ".join(f"<code>{escape(str(each))}</code>" for each in schema["enum"])
    kind: str | list[str] = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_kind(schema.get('items') or {})}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_kind(schema['additionalProperties'])}"
    return escape(kind if isinstance(kind, str) else " or ".join(kind))
