"""Discovery of platforms, and `Coupling`: the only caller of hooks."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, contextmanager
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, TypeVar, cast

import msgspec
import pluggy

from engate import boundary
from engate.doing import calling
from engate.errors import CapabilityMissing, EngateError, PluginFault
from engate.hooks import HOOK_API, ROLES, SHOP_CHOICES, Connection, Erp, Fiscal, Scope, Storefront
from engate.logs import say
from engate.model import Batch, Page
from engate.model.kinds import KINDS
from engate.settings import json_schema, secret_fields
from engate.specs import SPECS, Spec, implemented_by
from engate.structs import make_known
from engate.text import Text
from engate.titles import doing

T = TypeVar("T")
PLATFORMS = "engate.platforms"
SCALARS = {"string", "integer", "number", "boolean"}
HOOK_TIMEOUT = 600.0
_KNOWN: set[str] = set()


class Manifest(msgspec.Struct, frozen=True):
    """Describes a platform without importing it: `connection` is "module:Class", imported when the first connection is built.

    `hook_api`: the version of the hooks that it was written for, as a number: their meaning may change with the next.
    `order_fields`: what an ERP asks for with each order, which people map by sales channel; a part carries it as `fields`.
    `typed`: names of the platform that people type unchanged, which its texts may quote.
    """

    key: str
    name: str
    role: Literal["erp", "storefront"]
    settings: type[msgspec.Struct]
    connection: str
    hook_api: int
    order_fields: type[msgspec.Struct] | None = None
    typed: frozenset[str] = frozenset()

    def connection_class(self) -> type[Connection]:
        module, _, name = self.connection.partition(":")
        found = getattr(importlib.import_module(module), name)
        if module not in _KNOWN:  # what it defines is known once; the walk over all structs was 5 % of the tests' time
            make_known()
            _KNOWN.add(module)
        wanted = Erp if self.role == "erp" else Storefront
        if not (isinstance(found, type) and issubclass(found, wanted)):
            raise TypeError(f"{self.connection} is not a subclass of {wanted.__name__}")
        return found


class Platform(msgspec.Struct, frozen=True):
    """One entry point: its manifest, or why it could not be loaded."""

    key: str
    manifest: Manifest | None
    failure: str = ""


def discover(entries: list[EntryPoint] | None = None) -> dict[str, Platform]:
    """Every installed platform by key. A broken one has its reason and does not affect the others."""
    found: dict[str, Platform] = {}
    for entry in entries if entries is not None else list(entry_points(group=PLATFORMS)):
        try:
            manifest = entry.load()
            if not isinstance(manifest, Manifest):
                raise TypeError(f"{entry.value} is not an engate.Manifest")
            if manifest.hook_api != HOOK_API:
                raise TypeError(f"written for hook API {manifest.hook_api}, this is {HOOK_API}")
            if manifest.key != entry.name:
                raise TypeError(f"the entry point is called {entry.name!r} but the manifest says {manifest.key!r}")
            if manifest.key in found:
                raise TypeError(f"two distributions bring a platform {manifest.key!r}")
            implemented(manifest.connection_class())
            fetched(manifest.connection_class())
            check_readings(manifest.connection_class())
            json_schema(manifest.settings)  # the API serves it
            _check_order_fields(manifest)
            found[entry.name] = Platform(entry.name, manifest)
        except Exception as error:
            say("platform_not_loaded", platform=entry.name, error=f"{type(error).__name__}: {error}")
            found[entry.name] = Platform(entry.name, None, f"{type(error).__name__}: {error}")
    return found


SCOPED: dict[str, Scope] = {"list_stock": "branches", "list_prices": "price_tables"}
"""Hook -> what it can be scoped by."""
TOGETHER = ("product", "sku", "image")
"""Kinds of which an earlier one may bring a later one. (Prices and stock are read much more often.)"""
KIND_OF = {kind.list_hook: kind.name for kind in KINDS.values()}


def check_readings(connection: type[Connection]) -> None:
    """Raises TypeError where an ERP's `scoped` or `together` is unknown to the engine."""
    if not issubclass(connection, Erp):
        return
    for hook, scope in connection.scoped.items():
        if SCOPED.get(hook) != scope:
            raise TypeError(f"scoped: {hook!r} by {scope!r} is none of {SCOPED}")
    alone = {KIND_OF[hook] for hook in connection.scoped}
    for hook, kinds in connection.together.items():
        later = set(TOGETHER[TOGETHER.index(KIND_OF[hook]) + 1 :]) if KIND_OF.get(hook) in TOGETHER else set[str]()
        if not kinds or not kinds <= later - alone:
            raise TypeError(f"together: {hook} brings {sorted(kinds)}; it may bring of {sorted(later - alone)}, nothing that is scoped")


def _check_order_fields(manifest: Manifest) -> None:
    fields = manifest.order_fields
    if fields is None:
        return
    if manifest.role != "erp":
        raise TypeError("order_fields: orders enter the ERP, and only an ERP asks for them")
    if not fields.__struct_config__.forbid_unknown_fields:
        raise TypeError(f"order_fields: {fields.__name__} needs forbid_unknown_fields=True: a misspelt field would be lost")
    if secret_fields(fields):
        raise TypeError(f"order_fields: {fields.__name__} holds a secret, and a mapping is read by whoever may read")
    for name, about in json_schema(fields)["$defs"][fields.__name__]["properties"].items():
        _check_order_field(name, about)


def _check_order_field(name: str, about: dict[str, Any]) -> None:
    if not (about.get("title") and about.get("x-title-en")):
        raise TypeError(f"order_fields: {name} needs field(...) with a title in Portuguese and English: people fill it in")
    if "enum" not in about and not {each.get("type") for each in about.get("anyOf", [about])} <= SCALARS:
        raise TypeError(f"order_fields: {name} must be a text, a number or a bool: a mapping holds nothing else")
    if about.get("x-choices") in SHOP_CHOICES:
        raise TypeError(f"order_fields: the choices of {name} are called {about['x-choices']!r}, as those of the storefront are")


def implemented(connection: type[Connection]) -> frozenset[str]:
    """The hooks that a class overrides. Raises TypeError, naming it, for one that cannot be called as its spec says."""
    return implemented_by(connection, ROLES)


def fetched(connection: type[Connection]) -> frozenset[str]:
    """The hooks whose work its accounts can do by calling engate. Raises TypeError for another name."""
    names = connection.fetches if issubclass(connection, Storefront) else frozenset[str]()
    other = HANDED_IN | ASKED_ABOUT
    wrong = sorted(name for name in names if not (name in SPECS and (name.startswith("push_") or name in other)))
    if wrong:
        raise TypeError(f"fetches: {wrong[0]} is neither a push hook nor one of {', '.join(sorted(other))}")
    return names


class _Hooks(pluggy.PluginManager):
    def __init__(self, *members: object) -> None:
        super().__init__("engate")
        for role in ROLES:
            self.add_hookspecs(role)
        for member in members:
            self.register(member)

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        """pluggy's documented extension point: overriding a spec of one's own role is implementing it."""
        for role in ROLES:
            base = vars(role).get(name)
            if base is None or not isinstance(plugin, role) or not hasattr(base, "engate_spec"):
                continue
            if getattr(type(plugin), name) is not base:
                return {
                    "wrapper": False,
                    "hookwrapper": False,
                    "optionalhook": False,
                    "tryfirst": False,
                    "trylast": False,
                    "specname": None,
                }
        return None


class _Caller:
    """Calls one side's hooks by name: with a timeout, with results checked against the spec, and with every error attributed to that side.
    A foreign exception becomes a `PluginFault` (effect unknown) with its traceback in the log."""

    def __init__(self, hooks: _Hooks, side: Connection) -> None:
        self._hooks, self._connection_id = hooks, side.context.connection_id
        self._together: Mapping[str, frozenset[str]] = side.together if isinstance(side, Erp) else {}
        self._made: dict[str, Callable[..., Any]] = {}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = self._make(name)
        return made

    def _make(self, name: str) -> Callable[..., Any]:
        hook = cast(pluggy.HookCaller, getattr(self._hooks.hook, name))
        if hook.spec is None or not hook.get_hookimpls():
            raise CapabilityMissing(name)
        names, spec = hook.spec.argnames, SPECS[name]

        def call(*args: Any) -> Any:
            def start() -> Any:
                return hook(**dict(zip(names, args, strict=True)))

            asked = args[0] if args else None
            return self._pages(spec, start, asked) if spec.pages else self._awaited(spec, start, asked)

        return call

    async def _awaited(self, spec: Spec, start: Callable[[], Any], asked: Any) -> Any:
        try:
            with self._attributed(spec.name, asked):
                async with asyncio.timeout(HOOK_TIMEOUT):
                    given = await start()
                return boundary.answer(spec.name, spec.answer, given)
        finally:
            if isinstance(asked, Batch):
                batch = cast("Batch[Any]", asked)
                self._attribute(spec.name, *(outcome.error for outcome in batch.outcomes.values()))

    async def _pages(self, spec: Spec, start: Callable[[], Any], asked: Any) -> AsyncIterator[Any]:
        with self._attributed(spec.name, asked):
            given: object = start()
            if not isinstance(given, AsyncIterator):
                expected = Text("um gerador assíncrono de páginas", "an async generator of pages")
                raise boundary.fault(spec.name, "", type(given).__name__, expected)
        iterator = cast("AsyncIterator[Any]", given)
        try:
            while True:
                with self._attributed(spec.name, asked):
                    try:
                        async with asyncio.timeout(HOOK_TIMEOUT):
                            page = await anext(iterator)
                    except StopAsyncIteration:
                        return
                    received = boundary.page(spec.name, spec.answer, page, self._together.get(spec.name, frozenset()))
                _tell(spec.name, received)
                yield received
        finally:
            if isinstance(iterator, AsyncGenerator):
                await iterator.aclose()

    @contextmanager
    def _attributed(self, name: str, asked: Any) -> Generator[None]:
        try:
            with calling(name, asked):
                yield
        except EngateError as error:
            self._attribute(name, error)
            raise
        except Exception as error:
            fault = _fault(name, error)
            self._attribute(name, fault)
            raise fault from error

    def _attribute(self, name: str, *errors: EngateError | None) -> None:
        """Sets the connection and hook of errors, for health, causes and the log."""
        for error in errors:
            if error is not None:
                error.hook = error.hook or name
                if error.connection_id is None:
                    error.connection_id = self._connection_id


def _tell(name: str, page: boundary.Received[Any]) -> None:
    for part in (page, *page.brought.values()):
        if part.broken:
            say("plugin_items_broken", hook=name, count=len(part.broken), example=part.broken[0].problem.text.en)


def closing(pages: AsyncIterator[Page[T]]) -> AbstractAsyncContextManager[AsyncIterator[boundary.Received[T]]]:
    """The pages of a coupling's hook. The plugin's generator is closed at the end of the block, however it ends."""
    return aclosing(cast(AsyncGenerator[boundary.Received[T], None], pages))


def _fault(name: str, error: Exception) -> PluginFault:
    say("plugin_fault", hook=name, exc_info=error)
    where, what = type(error).__name__, doing(name)
    return PluginFault(
        Text(f"O plugin falhou ao {what.pt} ({where}).", f"The plugin failed while {what.en} ({where})."),
        Text("Veja o log do engate e avise o autor do plugin.", "See engate's log and tell the plugin's author."),
    )


HANDED_IN = frozenset({"read_order_events", "read_order"})
"""Hooks that a shop that hands its orders in need not offer."""
ASKED_ABOUT = frozenset({"send_handling", "send_invoice", "send_tracking", "send_delivery", "send_cancellation"})
"""Hooks that are not called for a shop that asks for the state of its orders."""


def _served(storefront: Storefront) -> frozenset[str]:
    found, known = frozenset(storefront.served()), fetched(type(storefront))
    wrong = sorted(found - known)
    if wrong:
        raise boundary.fault("served", "", wrong[0][:80], boundary.as_is(", ".join(sorted(known)) or "-"))
    return found


class Coupling:
    """An ERP connection coupled to a storefront connection. The engine calls `coupling.erp.list_products(query)`."""

    def __init__(self, erp: Erp, storefront: Storefront, order_fields: type[msgspec.Struct] | None = None) -> None:
        self._hooks = _Hooks(erp, storefront)
        self.order_fields = order_fields
        self.erp = cast(Erp, _Caller(self._hooks, erp))
        self.storefront = cast(Storefront, _Caller(self._hooks, storefront))
        self.unavailable: dict[str, Text] = {**erp.unavailable(), **storefront.unavailable()}
        self.served = _served(storefront)
        self.settles_within = erp.settles_within
        self.fiscal: Fiscal = erp.fiscal
        self.reserves_held: bool = erp.reserves_held
        self.requires = storefront.requires
        self.after = sorted(storefront.after)
        self.hides_without_image = storefront.hides_without_image
        self.products_by_sku = storefront.products_by_sku
        self.scoped, self.together = erp.scoped, erp.together

    def can(self, *names: str) -> bool:
        """Whether both sides offer all these hooks for these accounts. Hooks that the storefront serves by itself count as offered."""
        return all(name not in self.unavailable and (name in self.served or self._implemented(name)) for name in names)

    def calls(self, name: str) -> bool:
        """Whether the hook is offered and engate calls it."""
        return self.can(name) and name not in self.served

    @property
    def hands_in_orders(self) -> bool:
        """Whether the shop hands its orders in whole and cannot be asked for them."""
        return self.served >= HANDED_IN

    def _implemented(self, name: str) -> bool:
        return bool(getattr(self._hooks.hook, name).get_hookimpls())

    def batch_of(self, name: str) -> int | None:
        """How many items this push hook takes at a time, if it says so (`engate.batch`)."""
        return self._marked(name, "engate_batch")

    def bulk_of(self, name: str) -> int:
        """How many items where the hook may begin an operation; 0: it never does."""
        return self._marked(name, "engate_bulk") or 0

    def _marked(self, name: str, mark: str) -> int | None:
        impls = cast(pluggy.HookCaller, getattr(self._hooks.hook, name)).get_hookimpls()
        return getattr(impls[0].function, mark, None) if impls else None
