"""docs/reference.md: what an author looks up, from the code: the model, `Http`, errors, helpers, the stage, sandboxes."""

from __future__ import annotations

import inspect
import re
import textwrap
from dataclasses import is_dataclass
from typing import Any, ForwardRef, Literal, Protocol, get_args, get_origin, get_type_hints

import msgspec

from engate import (
    Auth,
    Context,
    Http,
    Meter,
    Rate,
    Response,
    Text,
    Token,
    address,
    checks,
    clock,
    errors,
    hooks,
    model,
    nfe,
    overrides,
    paging,
    refusals,
    shapes,
    stamps,
    turns,
)  # fmt: skip
from engate.domain.flows import FLOWS
from engate.domain.mapping import CarrierRow, ChannelRow, PairMapping, PaymentRow, PriceListRow, WarehouseRow
from engate.testing import assortment, facts, goods, sandbox, stage
from engate.titles import CAUSES

HEAD = """# Reference

What an author looks up, generated from the code by `make docs`. What each hook has to do: [hooks.md](hooks.md); how a plugin is made:
[plugin-author.md](plugin-author.md).

| | |
| --- | --- |
| [The model](#the-model) | what travels between ERP and storefront |
| [Http](#http), [Errors](#errors), [Causes](#causes) | calls and sessions; what goes wrong, and the codes that have a title |
| [Helpers](#helpers) | pages with numbers, local stamps, what is read once, refused logins, connection tests, contracts, NF-e, clocks |
| [Flows and hooks](#flows-and-hooks) | what each flow needs |
| [The stage](#the-stage), [The pair mapping](#the-pair-mapping) | a plugin coupled to a partner, in tests |
| [The sandbox](#the-sandbox), [The control protocol](#the-control-protocol) | what a sandbox is made of, and what drives it |
"""


def page() -> str:
    parts = [the_model(), the_client(), the_errors(), causes(), helpers(), flows(), the_stage(), the_mapping(), the_sandbox(), control()]
    return "\n\n".join([HEAD.rstrip(), *parts]) + "\n"


def the_model() -> str:
    named = [getattr(model, name) for name in model.__all__]
    structs = [each for each in named if isinstance(each, type)]
    functions = [each for each in named if inspect.isfunction(each)]
    parts = ["## The model", "What travels between ERP and storefront: `from engate.model import …`."]
    parts += [_kind("###", each) for each in structs]
    parts += ["### Functions", "\n".join(map(_line, functions))]
    return "\n\n".join(parts)


def the_client() -> str:
    parts = ["## Http", _said(Http), _kind("###", Context)]
    for method in (Context.http, Http.call, Http.lines, Http.plain):
        parts += [f"### `{method.__qualname__}`", f"```text\n{_wrapped(method)}\n```", _said(method)]
    return "\n\n".join([*parts, *(_kind("###", each) for each in (Auth, Token, Response, Rate, Meter))])


def the_errors() -> str:
    """From the root on, each with its code and how it is made."""
    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.EngateError)]
    own = [each for each in kinds if each is not errors.CapabilityMissing]
    parts = [
        "## Errors",
        "`from engate import …`. What each means to the engine: [the error contract](plugin-author.md#the-error-contract).",
    ]
    for each in own:
        code = [f"Code `{each.code}`"] if "code" in vars(each) else []
        base = [f"A kind of `{each.__base__.__name__}`"] if each.__base__ in own else []
        parts += [f"### {each.__name__}", f"{'; '.join([*code, *base])}.", _said(each), _constructor(each)]
    return "\n\n".join([*parts, _kind("###", Text)])


def causes() -> str:
    """What has a title of its own."""
    lines = [
        "## Causes",
        "",
        "Codes that have a title; a `Problem` or a `Rejected` with one of them reads so in lists. Any other code, of the",
    ]
    lines += ["form `platform.word`, reads as that of `rejected`.", "", "| code | title | |", "| --- | --- | --- |"]
    return "\n".join([*lines, *(f"| `{code}` | {title.pt} | {title.en} |" for code, title in CAUSES.items())])


def helpers() -> str:
    parts = ["## Helpers"]
    for module, kinds in (
        (paging, (paging.Numbered, paging.Fetched, paging.Part)),
        (stamps, (stamps.tidy, stamps.newest, stamps.earlier)),
        (turns, (turns.Once, turns.Turns)),
        (refusals, (refusals.Refused,)),
        (checks, (checks.Probe, checks.Failed, checks.lines_of)),
        (overrides, (overrides.overridden,)),
        (nfe, (nfe.documents, nfe.invoice, nfe.plain, nfe.Sold)),
        (address, (address.wrong_base, address.wrong_path)),
        (shapes, (shapes.is_object, shapes.is_array)),
        (clock, (clock.ManualClock,)),
    ):
        names = ", ".join(each.__name__ for each in kinds)
        parts += [f"### {module.__name__}", f"`from {module.__name__} import {names}`", _said(module)]
        parts += [_kind("####", each) for each in kinds if isinstance(each, type)]
        parts += ["\n".join(_line(each) for each in kinds if inspect.isfunction(each))]
    return "\n\n".join(part for part in parts if part)


def the_stage() -> str:
    parts = [
        "## The stage",
        "`from engate.testing.stage import Side, staged`",
        f"```text\n{_wrapped(stage.staged)}\n```",
        _said(stage.staged),
    ]
    return "\n\n".join([*parts, _kind("###", stage.Stage), *(_kind("###", each) for each in (stage.OrderRow, stage.Waiting))])


def the_mapping() -> str:
    """The rows that a test may want, by their structs."""
    parts = ["## The pair mapping", MAPPING, _kind("###", PairMapping)]
    return "\n\n".join([*parts, *(_kind("###", each) for each in (WarehouseRow, PaymentRow, CarrierRow, PriceListRow, ChannelRow))])


MAPPING = """`from engate.domain.mapping import …`. On a stage it is made of both sandboxes' halves; a test adds what they do not have:

```text
from msgspec.structs import replace

mapping=lambda made: replace(made, price_lists=(PriceListRow(table="ATACADO", list="b2b"),))
```"""


def the_sandbox() -> str:
    kinds = (sandbox.Sandbox, sandbox.Operation, sandbox.Call, sandbox.Answer, sandbox.Refused, sandbox.RateWindow)
    parts = ["## The sandbox", "`from engate.testing.sandbox import …`", *(_kind("###", each) for each in kinds)]
    sold = (goods.goods, goods.sale, goods.gtin, assortment.assortment)
    return "\n\n".join([*parts, "### Goods", GOODS, "\n".join(map(_line, sold))])


GOODS = """What tests and demos seed an ERP with: `from engate.testing.goods import goods, sale, gtin`,
`from engate.testing.assortment import assortment`."""


def flows() -> str:
    lines = ["## Flows and hooks", "", "A flow is offered where both sides implement what it needs.", ""]
    lines += ["| flow | needs of the ERP | needs of the storefront | uses besides |", "| --- | --- | --- | --- |"]
    for flow in FLOWS.values():
        erp, shop = ([name for name in flow.needs if name in vars(role)] for role in (hooks.Erp, hooks.Storefront))
        lines.append(f"| `{flow.name}` | {_names(erp)} | {_names(shop)} | {_names(flow.uses)} |")
    return "\n".join(lines)


def control() -> str:
    bodies = [each for each in vars(facts).values() if isinstance(each, type) and each.__module__ == facts.__name__]
    structs = [each for each in bodies if issubclass(each, msgspec.Struct)]
    return "\n\n".join(
        ["## The control protocol", "Bodies and answers under `/_sandbox/`, as JSON.", *(_kind("###", each) for each in structs)]
    )


def _kind(level: str, kind: type) -> str:
    parts = [f"{level} {kind.__name__}", _said(kind)]
    fields = _fields(kind)
    if fields:
        parts.append("\n".join(["| field | type | default |", "| --- | --- | --- |", *fields]))
    elif not issubclass(kind, msgspec.Struct):
        parts.append(_constructor(kind))
    methods = [each for name, each in vars(kind).items() if not name.startswith("_") and inspect.isfunction(each) and kind is not Context]
    if not issubclass(kind, msgspec.Struct):
        read: list[tuple[str, Any]] = [(name, each.fget) for name, each in vars(kind).items() if isinstance(each, property) and _said(each)]
        lines = [f"- `{name}: {inspect.signature(get).return_annotation}`: {_said(get)}" for name, get in read]
        parts.append("\n".join([*lines, *(_line(each) for each in methods if _said(each) or kind is not stage.Stage)]))
    return "\n\n".join(part for part in parts if part)


GIVEN = (Context, Response, sandbox.Call, stage.Stage)
"""What an author is given and never makes."""


def _line(method: Any) -> str:
    return f"- `{_signature(method)}`{': ' if _said(method) else ''}{_said(method)}"


def _fields(kind: Any) -> list[str]:
    """One row a field, of a struct, a dataclass or a named tuple."""
    if issubclass(kind, msgspec.Struct):
        hints = get_type_hints(kind)
        return [f"| `{each.name}` | {_type(hints[each.name])} | {_default(each)} |" for each in msgspec.structs.fields(kind)]
    if is_dataclass(kind) or hasattr(kind, "_fields"):
        made: Any = kind
        rows = inspect.signature(made, eval_str=True).parameters.values()
        return [f"| `{each.name}` | {_type(each.annotation)} | {_shown(each.default, each.empty)} |" for each in rows]
    return []


def _constructor(kind: Any) -> str:
    """How it is made; "" of what nobody makes."""
    if kind in GIVEN or kind.__init__ is object.__init__ or Protocol in kind.__bases__:
        return ""
    return f"```text\n{_wrapped(kind.__init__, kind.__name__)}\n```"


def _shown(default: Any, empty: Any) -> str:
    if default is empty:
        return "–"
    shown = repr(default)
    return f"`{shown if len(shown) <= LONG else '…'}`" if default != "" else '`""`'


LONG = 80
"""Characters of a default that is shown."""


def _said(what: Any) -> str:
    """The docstring, on lines of its own where it has paragraphs; what is indented in it is code."""
    own = what.__doc__ if not isinstance(what, type) or "__doc__" in vars(what) else None
    if own is None or own.startswith(f"{getattr(what, '__name__', '')}("):
        return ""
    return re.sub(CODE, _coded, "\n\n".join(_paragraph(each) for each in inspect.cleandoc(own).split("\n\n")))


CODE = re.compile(r"^    .+(?:\n+    .+)*", re.MULTILINE)


def _paragraph(text: str) -> str:
    return text if text.startswith("    ") else " ".join(line.strip() for line in text.splitlines()).replace("|", "\\|")


def _coded(found: re.Match[str]) -> str:
    return f"```python\n{textwrap.dedent(found[0])}\n```"


def _signature(function: Any) -> str:
    """On one line, without `self`."""
    signature = inspect.signature(function)
    returned = "" if signature.return_annotation is signature.empty else f" -> {signature.return_annotation}"
    word = "async " if inspect.iscoroutinefunction(function) else ""
    return f"{word}{function.__name__}({', '.join(_parameters(signature))}){returned}"


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
        default = "" if each.default is each.empty else f" = {each.default!r}" if len(repr(each.default)) <= LONG else " = …"
        if name != "self":
            found.append(f"{stars}{name}: {each.annotation}{default}")
    return found


def _type(of: Any) -> str:
    if get_origin(of) is Literal:
        return "<br>".join(f"`{value!r}`" for value in get_args(of))
    return f"`{_name(of)}`".replace("|", "\\|")


MODULES = (
    *(f"engate.model.{name}." for name in ("catalog", "common", "orders", "fiscal")),
    *(
        "engate.text.",
        "engate.testing.facts.",
        "engate.testing.sandbox.",
        "engate.clock.",
        "engate.domain.mapping.",
        "engate.paging.",
    ),
    *("engate.http.", "engate.limits.", "engate.answers.", "engate.errors."),
    *("decimal.", "datetime.", "collections.abc.", "typing."),
)
"""What a type's name is shown without."""


def _name(of: Any) -> str:
    text = of.__forward_arg__ if isinstance(of, ForwardRef) else of if isinstance(of, str) else inspect.formatannotation(of)
    for module in MODULES:
        text = text.replace(module, "")
    return text


def _default(each: Any) -> str:
    value = each.default if each.default is not msgspec.NODEFAULT or each.required else each.default_factory()
    return _shown(value, msgspec.NODEFAULT)


def _names(names: Any) -> str:
    return ", ".join(f"[`{name}`](hooks.md#{name})" for name in names) or "–"
