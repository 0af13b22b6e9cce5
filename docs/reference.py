"""docs/reference.md: fields of the model, parameters of `Http`, hooks that each flow needs, bodies of the control protocol."""

from __future__ import annotations

import inspect
from typing import Any, Literal, get_args, get_origin

import msgspec

from engate import Context, Http, Meter, Rate, Response, Token, hooks, model
from engate.domain.flows import FLOWS
from engate.testing import world

HEAD = """# Reference

What an author looks up, generated from the code by `make docs`: [the model](#the-model), [`Http`](#http),
[flows and hooks](#flows-and-hooks) and [the bodies of a sandbox's control protocol](#the-control-protocol). What each hook has to
do: [hooks.md](hooks.md); how a plugin is made: [plugin-author.md](plugin-author.md).
"""


def page() -> str:
    return "\n\n".join([HEAD.rstrip(), the_model(), the_client(), flows(), control()]) + "\n"


def the_model() -> str:
    named = [getattr(model, name) for name in model.__all__]
    structs = [each for each in named if isinstance(each, type)]
    functions = [each for each in named if inspect.isfunction(each)]
    parts = ["## The model", "What travels between ERP and storefront: `from engate.model import …`."]
    parts += [_kind("###", each) for each in structs]
    parts += ["### Functions", "\n".join(f"- `{_signature(each)}`: {_said(each)}" for each in functions)]
    return "\n\n".join(parts)


def the_client() -> str:
    parts = ["## Http", _said(Http)]
    for method in (Context.http, Http.call, Http.lines, Http.plain):
        parts += [f"### `{method.__qualname__}`", f"```text\n{_wrapped(method)}\n```", _said(method)]
    return "\n\n".join([*parts, *(_kind("###", each) for each in (Response, Rate, Meter, Token))])


def flows() -> str:
    lines = ["## Flows and hooks", "", "A flow is offered where both sides implement what it needs.", ""]
    lines += ["| flow | needs of the ERP | needs of the storefront | uses besides |", "| --- | --- | --- | --- |"]
    for flow in FLOWS.values():
        erp, shop = ([name for name in flow.needs if name in vars(role)] for role in (hooks.Erp, hooks.Storefront))
        lines.append(f"| `{flow.name}` | {_names(erp)} | {_names(shop)} | {_names(flow.uses)} |")
    return "\n".join(lines)


def control() -> str:
    bodies = [each for each in vars(world).values() if isinstance(each, type) and each.__module__ == world.__name__]
    structs = [each for each in bodies if issubclass(each, msgspec.Struct)]
    return "\n\n".join(
        ["## The control protocol", "Bodies and answers under `/_sandbox/`, as JSON.", *(_kind("###", each) for each in structs)]
    )


def _kind(level: str, kind: type) -> str:
    parts = [f"{level} {kind.__name__}", _said(kind)]
    if issubclass(kind, msgspec.Struct) and msgspec.structs.fields(kind):
        rows = [f"| `{each.name}` | {_type(each.type)} | {_default(each)} |" for each in msgspec.structs.fields(kind)]
        parts.append("\n".join(["| field | type | default |", "| --- | --- | --- |", *rows]))
    elif not issubclass(kind, msgspec.Struct):
        parts.append(f"```text\n{_wrapped(kind.__init__, kind.__name__)}\n```")
        methods = [each for name, each in vars(kind).items() if not name.startswith("_") and inspect.isfunction(each)]
        parts += ["\n".join(f"- `{_signature(each)}`: {_said(each)}" for each in methods)] if methods else []
    return "\n\n".join(part for part in parts if part)


def _said(what: Any) -> str:
    """The docstring, on lines of its own where it has paragraphs."""
    own = what.__doc__ if not isinstance(what, type) or "__doc__" in vars(what) else None
    if own is None or own.startswith(f"{getattr(what, '__name__', '')}("):
        return ""
    paragraphs = inspect.cleandoc(own).split("\n\n")
    return "\n\n".join(" ".join(line.strip() for line in each.splitlines()).replace("|", "\\|") for each in paragraphs)


def _signature(function: Any) -> str:
    """On one line, without `self`."""
    signature = inspect.signature(function)
    returned = "" if signature.return_annotation is signature.empty else f" -> {signature.return_annotation}"
    return f"{function.__name__}({', '.join(_parameters(signature))}){returned}"


def _wrapped(function: Any, name: str = "") -> str:
    """One line a parameter."""
    lines = [f"    {each}," for each in _parameters(inspect.signature(function))]
    return "\n".join([f"{name or function.__name__}(", *lines, ")"])


def _parameters(signature: inspect.Signature) -> list[str]:
    """As they are written, `*` and all."""
    found: list[str] = []
    for name, each in signature.parameters.items():
        if each.kind is each.KEYWORD_ONLY and "*" not in found:
            found.append("*")
        stars = {each.VAR_KEYWORD: "**", each.VAR_POSITIONAL: "*"}.get(each.kind, "")
        default = "" if each.default is each.empty else f" = {each.default!r}"
        if name != "self":
            found.append(f"{stars}{name}: {each.annotation}{default}")
    return found


def _type(of: Any) -> str:
    if get_origin(of) is Literal:
        return "<br>".join(f"`{value!r}`" for value in get_args(of))
    return f"`{_name(of)}`".replace("|", "\\|")


MODULES = (
    *(f"engate.model.{name}." for name in ("catalog", "common", "orders", "fiscal")),
    *("engate.text.", "engate.testing.world.", "engate.http.", "engate.limits.", "engate.answers.", "engate.errors."),
    *("decimal.", "datetime.", "collections.abc.", "typing."),
)
"""What a type's name is shown without."""


def _name(of: Any) -> str:
    text = inspect.formatannotation(of) if not isinstance(of, str) else of
    for module in MODULES:
        text = text.replace(module, "")
    return text


def _default(each: Any) -> str:
    if each.required:
        return "–"
    value = each.default if each.default is not msgspec.NODEFAULT else each.default_factory()
    return f"`{value!r}`" if value != "" else '`""`'


def _names(names: Any) -> str:
    return ", ".join(f"[`{name}`](hooks.md#{name})" for name in names) or "–"
