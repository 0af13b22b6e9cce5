"""Discovery of platforms, and `Coupling`: the only caller of hooks."""

from __future__ import annotations

import asyncio
import importlib
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, TypeVar, cast

import msgspec
import pluggy
import structlog

from engate.doing import calling
from engate.errors import CapabilityMissing, EngateError, PluginFault
from engate.hooks import HOOK_API, ROLES, Connection, Erp, Observer, Storefront
from engate.text import Text

T = TypeVar("T")
PLATFORMS = "engate.platforms"
OBSERVERS = "engate.observers"
HOOK_TIMEOUT = 600.0
OBSERVER_TIMEOUT = 10.0
log = structlog.get_logger("engate.plugins")


class Manifest(msgspec.Struct, frozen=True):
    """What a platform is, without importing it: `connection` is "module:Class", imported when the first connection is built."""

    key: str
    name: str
    role: Literal["erp", "storefront"]
    settings: type[msgspec.Struct]
    connection: str
    hook_api: int = HOOK_API

    def connection_class(self) -> type[Connection]:
        module, _, name = self.connection.partition(":")
        found = getattr(importlib.import_module(module), name)
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
    """Every installed platform by key; a broken one stands there with its reason and harms no other."""
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
            found[entry.name] = Platform(entry.name, manifest)
        except Exception as error:
            log.warning("platform_not_loaded", platform=entry.name, error=f"{type(error).__name__}: {error}")
            found[entry.name] = Platform(entry.name, None, f"{type(error).__name__}: {error}")
    return found


def discover_observers(entries: list[EntryPoint] | None = None) -> tuple[Observer, ...]:
    """Every installed extension: entry points of `engate.observers` name a subclass of `Observer` without arguments."""
    found: list[Observer] = []
    for entry in entries if entries is not None else list(entry_points(group=OBSERVERS)):
        try:
            made = entry.load()()
            if not isinstance(made, Observer):
                raise TypeError(f"{entry.value} is not an engate.Observer")
            implemented_by(type(made), (Observer,))
            found.append(made)
        except Exception as error:
            log.warning("observer_not_loaded", observer=entry.name, error=f"{type(error).__name__}: {error}")
    return tuple(found)


def implemented(connection: type[Connection]) -> frozenset[str]:
    """The hooks a class overrides; a signature that does not fit its spec is a TypeError naming it."""
    return implemented_by(connection, ROLES)


def implemented_by(connection: type, roles: tuple[type, ...]) -> frozenset[str]:
    """The same for any class and these roles."""
    names: set[str] = set()
    for role in roles:
        if not issubclass(connection, role):
            continue
        for name, base in vars(role).items():
            if not hasattr(base, "engate_spec"):
                continue
            own = getattr(connection, name)
            if own is base:
                continue
            wanted, given = list(inspect.signature(base).parameters), list(inspect.signature(own).parameters)
            if wanted != given:
                raise TypeError(f"{connection.__name__}.{name}({', '.join(given)}) should be ({', '.join(wanted)})")
            names.add(name)
    return frozenset(names)


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
    """Calls hooks by name: timeout, and any foreign exception becomes a `PluginFault` (effect unknown) with its traceback in the log."""

    def __init__(self, hooks: _Hooks) -> None:
        self._hooks = hooks
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
        names = hook.spec.argnames
        pages = name.startswith(("list_", "read_")) and name != "read_order"

        def call(*args: Any) -> Any:
            result = hook(**dict(zip(names, args, strict=True)))
            return _pages(name, result) if pages else _awaited(name, result)

        return call


async def _awaited(name: str, result: Any) -> Any:
    try:
        with calling(name):
            async with asyncio.timeout(HOOK_TIMEOUT):
                return await result
    except EngateError:
        raise
    except Exception as error:
        raise _fault(name, error) from error


async def _pages(name: str, result: Any) -> AsyncIterator[Any]:
    iterator = aiter(result)
    try:
        while True:
            try:
                with calling(name):
                    async with asyncio.timeout(HOOK_TIMEOUT):
                        page = await anext(iterator)
            except StopAsyncIteration:
                return
            except EngateError:
                raise
            except Exception as error:
                raise _fault(name, error) from error
            yield page
    finally:
        await iterator.aclose()


def closing(pages: AsyncIterator[T]) -> AbstractAsyncContextManager[AsyncIterator[T]]:
    """The pages of a coupling's hook, closed at the end of the block: however it ends, the plugin's generator ends with it."""
    return aclosing(cast(AsyncGenerator[T, None], pages))


def _fault(name: str, error: Exception) -> PluginFault:
    log.error("plugin_fault", hook=name, exc_info=error)
    where = type(error).__name__
    return PluginFault(
        Text(f"O plugin falhou em {name} ({where}).", f"The plugin failed in {name} ({where})."),
        Text("Veja o log do engate e avise o autor do plugin.", "See engate's log and tell the plugin's author."),
    )


class Coupling:
    """An ERP connection coupled to a storefront connection, with observers. The engine calls `coupling.erp.list_products(query)`."""

    def __init__(self, erp: Erp, storefront: Storefront, *observers: Observer) -> None:
        self._hooks = _Hooks(erp, storefront, *observers)
        caller = _Caller(self._hooks)
        self.erp, self.storefront = cast(Erp, caller), cast(Storefront, caller)
        self.unavailable: dict[str, Text] = {**erp.unavailable(), **storefront.unavailable()}
        self.settles_within = erp.settles_within
        self.fiscal = erp.fiscal
        self.overlap_seconds = erp.overlap_seconds

    def can(self, *names: str) -> bool:
        """Whether both sides offer all these hooks for these accounts."""
        return all(name not in self.unavailable and getattr(self._hooks.hook, name).get_hookimpls() for name in names)

    def batch_of(self, name: str) -> int | None:
        """How many items this push hook takes at a time, where it says so (`engate.batch`)."""
        impls = cast(pluggy.HookCaller, getattr(self._hooks.hook, name)).get_hookimpls()
        return getattr(impls[0].function, "engate_batch", None) if impls else None

    async def tell(self, name: str, **event: Any) -> None:
        """Observers, each isolated: one that raises or hangs harms nobody."""

        async def one(told: Callable[..., Any]) -> None:
            try:
                async with asyncio.timeout(OBSERVER_TIMEOUT):
                    await told(**event)
            except Exception as error:
                log.error("observer_failed", hook=name, exc_info=error)

        impls = cast(pluggy.HookCaller, getattr(self._hooks.hook, name)).get_hookimpls()
        await asyncio.gather(*(one(impl.function) for impl in impls))
