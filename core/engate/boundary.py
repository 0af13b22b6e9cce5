"""Checks what plugins return against the declared types before it is used or stored.

A wrong item affects only itself: it is set apart, and the other items of its page go on. A result without items to set apart (no page, no
order) is a `PluginFault` that says what was expected.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Set
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, NamedTuple, TypeVar, cast, get_args, get_origin, get_type_hints

import msgspec

from engate.errors import PluginFault
from engate.fields import translated
from engate.model import (
    Brand,
    Category,
    ErpOrder,
    Found,
    Image,
    Imported,
    Order,
    OrderEvent,
    Page,
    Price,
    Problem,
    Product,
    Sku,
    StockLevel,
    Warehouse,
)
from engate.model.kinds import KINDS
from engate.text import Text

T = TypeVar("T")
SHOWN = 80
MOST_CURSOR, MOST_WATERMARK = 400, 60
_encoder = msgspec.msgpack.Encoder(decimal_format="string")

KEYS: dict[type, Mapping[str, int]] = {
    Category: {"key": 200},
    Brand: {"key": 200},
    Warehouse: {"key": 200},
    Product: {"key": 200},
    Sku: {"key": 200, "product": 200},
    Image: {"key": 200, "sku": 200},
    Price: {"key": 200, "sku": 200},
    StockLevel: {"key": 200, "sku": 200, "warehouse": 200},
    Order: {"key": 200, "raw_state": 80},
    OrderEvent: {"key": 200, "order": 200},
    ErpOrder: {"key": 100, "branch": 60},
    Imported: {"key": 100},
    Found: {"key": 100},
}
"""Fields by which things are stored and found, and their longest length."""

SEGMENTS: dict[type, str] = {Order: "key", OrderEvent: "order"}
"""Fields that are one segment of URLs of the API (`orders/{key}/retry`)."""

_EMPTY = frozenset({(Order, "raw_state")})
_PERSONAL = ("$.buyer", "$.delivery", "$.doc.buyer", "$.doc.delivery")
"""Fields with personal data: their values are not repeated in messages."""


class Wrong(Exception):
    """One value that does not fit its type. `where`: the field; `value`: shortened."""

    def __init__(self, where: str, value: str, expected: Text) -> None:
        super().__init__(where)
        self.where, self.value, self.expected = where, value, expected


class Unreachable(Wrong):
    """A key that cannot be part of a URL. If all keys of a page are such, it is the plugin's design: nothing of it is taken."""

    def __init__(self, where: str, value: str) -> None:
        super().__init__(
            where, value,
            Text("uma chave que caiba em um endereço: sem / ou \\, sem caractere de controle, nem . ou ..",
                 "a key for an address: no / or \\, no control character, not . or .."),
        )  # fmt: skip


class Broken(NamedTuple):
    """An item that cannot be used. `key`: if it tells which one it is; `item`: as it came."""

    key: str | None
    item: Any
    problem: Problem


class Received(Page[T], Generic[T]):
    """A page whose `items` are all sound; `broken`: the others. `brought`: the same for the other kinds that it brings."""

    broken: tuple[Broken, ...] = ()
    brought: Mapping[str, Received[Any]] = {}


class Checker(Generic[T]):
    """Checks items against one type. A sound item is returned as it will be read from the database (an int becomes a Decimal where one is
    declared)."""

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self._decode: Callable[[bytes], T] = msgspec.msgpack.Decoder(kind).decode
        types: dict[str, Any] = get_type_hints(kind)
        self._decimals = tuple(name for name, hint in types.items() if hint is Decimal or Decimal in get_args(hint))
        self._instants = tuple(name for name, hint in types.items() if hint is datetime or datetime in get_args(hint))
        self._keys = tuple(KEYS.get(kind, {}).items())
        self._segment = SEGMENTS.get(kind)
        self._whole = kind is OrderEvent

    def __call__(self, item: object) -> T:
        """Raises Wrong."""
        if not isinstance(item, self._kind):
            raise Wrong("", _shown(item), as_is(self._kind.__name__))
        try:
            raw = _encoder.encode(item)
            good = self._decode(raw)
        except msgspec.ValidationError as error:
            expected, _, place = str(error).partition(" - at ")
            raise self._wrong(item, place.strip("`"), translated(expected)) from None
        except (TypeError, ValueError, OverflowError, RecursionError) as error:  # it cannot be encoded
            raise self._unwritable(item, error) from None
        for name, most in self._keys:
            value: str = getattr(good, name)
            fits = 0 < len(value) <= most and "\0" not in value
            if not fits and (value or (self._kind, name) not in _EMPTY):
                raise Wrong(name, _shown(value), of_characters(most))
        if self._segment is not None and not is_segment(key := getattr(good, self._segment)):
            raise Unreachable(self._segment, _shown(key))
        for name in self._decimals:
            number: Decimal | None = getattr(good, name)
            if number is not None and not number.is_finite():
                raise Wrong(name, _shown(number), Text("um número finito", "a finite number"))
        for name in self._instants:
            instant: datetime | None = getattr(good, name)
            if instant is not None and instant.tzinfo is None:
                raise Wrong(name, _shown(instant), Text("um instante com o seu fuso", "an instant with its offset"))
        if self._whole:
            _carried(cast("OrderEvent", good))
        return good

    def _wrong(self, item: object, place: str, expected: Text) -> Wrong:
        value: object = item
        for name in place.removeprefix("$").split("."):
            if not name:
                continue
            if "[" in name or not hasattr(value, name):
                value = getattr(value, name.partition("[")[0], value)
                break
            value = getattr(value, name)
        shown = "***" if place.startswith(_PERSONAL) else _shown(value)
        return Wrong(place.removeprefix("$.").removeprefix("$"), shown, expected)

    def _unwritable(self, item: object, error: Exception) -> Wrong:
        """The field that cannot be encoded."""
        for name in get_type_hints(self._kind):
            value = getattr(item, name, None)
            try:
                _encoder.encode(value)
            except (TypeError, ValueError, OverflowError, RecursionError):
                declared = Text("um valor do tipo declarado", "a value of its declared type")
                return Wrong(name, "***" if f"$.{name}" in _PERSONAL else _shown(value), declared)
        return Wrong("", "", as_is(type(error).__name__))


def _carried(event: OrderEvent) -> None:
    """Checks the order that an event carries: against its type, and that it is the order that the event names."""
    if event.doc is None:
        return
    try:
        checker(Order)(event.doc)
    except Unreachable:
        raise
    except Wrong as wrong:
        raise Wrong(f"doc.{wrong.where}" if wrong.where else "doc", wrong.value, wrong.expected) from None
    if event.doc.key != event.order:
        key = _shown(event.order)
        raise Wrong("doc.key", _shown(event.doc.key), Text(f"o pedido do aviso, {key}", f"the event's order, {key}"))


_checkers: dict[Any, Checker[Any]] = {}


def checker(kind: type[T]) -> Checker[T]:
    made = _checkers.get(kind)
    if made is None:
        made = _checkers[kind] = Checker(kind)
    return made


def page(hook: str, kind: type[T], given: object, together: Set[str] = frozenset()) -> Received[T]:
    """The page as checked. `together`: other kinds that it may bring. Raises PluginFault where it is no page, or where none of its keys can
    be part of a URL."""
    if not isinstance(given, Page):
        raise fault(hook, "", _shown(given), as_is("Page"))
    said = cast("Page[Any]", given)
    items: Any = said.items
    if not isinstance(items, list | tuple):
        raise fault(hook, "items", _shown(items), as_is("list"))
    for name, most in (("cursor", MOST_CURSOR), ("watermark", MOST_WATERMARK)):
        value: object = getattr(said, name)
        if value is not None and not (isinstance(value, str) and len(value) <= most and "\0" not in value):
            raise fault(hook, name, _shown(value), Text(f"str (até {most} caracteres) ou None", f"str (at most {most} characters) or None"))
    total: object = said.total
    if total is not None and not (type(total) is int and total >= 0):
        raise fault(hook, "total", _shown(total), Text("um número inteiro ou None", "a whole number or None"))
    received = _received(hook, kind, cast("list[object]", items))
    received.cursor, received.watermark, received.total = said.cursor, said.watermark, said.total
    also: object = said.also
    if also:
        received.brought = _brought(hook, also, together)
    return received


def _brought(hook: str, also: object, together: Set[str]) -> dict[str, Received[Any]]:
    if not isinstance(also, Mapping):
        raise fault(hook, "also", _shown(also), as_is("dict[kind, list]"))
    found: dict[str, Received[Any]] = {}
    for name, items in cast("Mapping[object, object]", also).items():
        if name not in together:
            raise fault(hook, "also", _shown(name), as_is(" | ".join(sorted(together)) or "{}"))
        if not isinstance(items, list | tuple):
            raise fault(hook, f"also.{name}", _shown(items), as_is("list"))
        found[str(name)] = _received(hook, KINDS[str(name)].struct, cast("list[object]", items))
    return found


def _received(hook: str, kind: type[T], items: Iterable[object]) -> Received[T]:
    check = checker(kind)
    good: list[T] = []
    broken: list[Broken] = []
    unreachable: Unreachable | None = None
    for item in items:
        try:
            good.append(check(item))
        except Wrong as wrong:
            broken.append(Broken(_key_of(kind, item), item, _problem(hook, wrong)))
            unreachable = wrong if isinstance(wrong, Unreachable) else unreachable
    if unreachable is not None and not good:
        raise fault_of(hook, unreachable)
    return Received(good, broken=tuple(broken))


def answer(hook: str, declared: Any, given: object) -> Any:
    """The checked answer of an awaited hook. Raises PluginFault where it is not of the declared type: the hook may have had its effect."""
    if declared is type(None):
        return None
    kinds: tuple[Any, ...] = (declared,) if isinstance(declared, type) else get_args(declared)
    if float in kinds:
        return _seconds(hook, given)
    for kind in kinds:
        if isinstance(given, kind):
            try:
                return checker(kind)(given)
            except Wrong as wrong:
                raise fault_of(hook, wrong) from None
    raise fault(hook, "", _shown(given), as_is(" | ".join(kind.__name__ for kind in kinds)))


def _seconds(hook: str, given: object) -> float | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < math.inf:
        raise fault(hook, "", _shown(given), Text("segundos, ou None", "seconds, or None"))
    return float(given)


def is_segment(key: str) -> bool:
    """Whether the key can be one segment of a URL; space, ?, # and % are escaped there."""
    return bool(key) and key not in (".", "..") and not any(letter in "/\\" or unicodedata.category(letter) == "Cc" for letter in key)


def as_is(name: str) -> Text:
    """A name from the code as a text: the same in both languages."""
    return Text(name, name)


def of_characters(most: int) -> Text:
    return Text(f"1 a {most} caracteres, nenhum deles NUL", f"1 to {most} characters, none of them NUL")


def fault(hook: str, where: str, value: str, expected: Text, hint: Text | None = None) -> PluginFault:
    return PluginFault(_words(hook, where, value, expected), hint or TELL, code="plugin.answer")


def fault_of(hook: str, wrong: Wrong) -> PluginFault:
    return fault(hook, wrong.where, wrong.value, wrong.expected, RENAME if isinstance(wrong, Unreachable) else TELL)


TELL = Text("Avise o autor do plugin.", "Tell the plugin's author.")
RENAME = Text(
    "Avise o autor do plugin: a chave do pedido deve ser o número que a loja mostra às pessoas; o plugin monta a URI a partir dele.",
    "Tell the plugin's author: an order's key must be the number that the shop shows to people; the plugin builds the URI from it.",
)
MEND = Text(
    "Avise o autor do plugin. Depois da correção, peça uma nova leitura completa deste fluxo.",
    "Tell the plugin's author. Once it is mended, ask for a full reading of this flow.",
)


def _problem(hook: str, wrong: Wrong) -> Problem:
    return Problem(
        "plugin.item", _words(hook, wrong.where, wrong.value, wrong.expected), RENAME if isinstance(wrong, Unreachable) else MEND
    )


def _words(hook: str, where: str, value: str, expected: Text) -> Text:
    """The text for the plugin's author: hook and field by their names in the code."""
    place_pt, place_en = (f" no campo {where}", f" in the field {where}") if where else ("", "")
    return Text(
        f"O plugin entregou um dado inválido em {hook}{place_pt}: {value} (esperado: {expected.pt}).",
        f"The plugin gave invalid data in {hook}{place_en}: {value} (expected: {expected.en}).",
    )


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # a class of the plugin may fail here
        text = type(value).__name__
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _key_of(kind: type, item: object) -> str | None:
    value = _given(item, "key")
    most = KEYS.get(kind, {}).get("key", 0)
    return value if isinstance(value, str) and 0 < len(value) <= most and "\0" not in value and value.isprintable() else None


def _given(item: object, name: str) -> object:
    if isinstance(item, Mapping):
        return item.get(name)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return getattr(item, name, None)


def stand_in(kind: type[T], broken: Broken, last: T | None) -> T:
    """The document stored for a broken item: the last sound one, or what can be read of it; with the problem, so it is not sent."""
    if last is not None:
        return msgspec.structs.replace(last, problems=(broken.problem,))  # pyright: ignore[reportArgumentType, reportUnknownVariableType]
    values: dict[str, Any] = {"key": broken.key, "problems": (broken.problem,)}
    for each in msgspec.structs.fields(kind):  # pyright: ignore[reportArgumentType]
        if each.name in values:
            continue
        value = _sound(kind, each.name, each.type, _given(broken.item, each.name))
        if value is not None:
            values[each.name] = value
        elif each.required:
            values[each.name] = _blank(each.type)
    return kind(**values)


def _sound(kind: type, name: str, declared: Any, value: object) -> Any:
    try:
        made = msgspec.convert(value, declared)
        _encoder.encode(made)
    except (msgspec.ValidationError, TypeError, ValueError, OverflowError):
        return None
    if isinstance(made, Decimal) and not made.is_finite():
        return None
    most = KEYS.get(kind, {}).get(name, math.inf)
    return None if isinstance(made, str) and (len(made) > most or "\0" in made) else made


def _blank(declared: Any) -> Any:
    for kind, nothing in ((str, ""), (Decimal, Decimal(0)), (int, 0), (bool, False)):
        if declared is kind:
            return nothing
    origin = get_origin(declared)
    return () if origin is tuple else None
