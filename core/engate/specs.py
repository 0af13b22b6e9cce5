"""Checks a connection class against the hook specs when a platform is loaded, not in the first slice."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, NamedTuple, get_args, get_type_hints

from engate.hooks import ROLES, Connection

VERBS = ("list_", "read_", "push_", "check_", "send_", "import_", "find_")
"""Prefixes of hooks: a public method with one that is no hook is a mistake."""


class Spec(NamedTuple):
    """One hook. `pages`: an async generator of pages of `answer`; else awaited, and `answer` is what comes back."""

    name: str
    role: type
    base: Callable[..., Any]
    pages: bool
    answer: Any


def _spec(role: type, name: str, base: Callable[..., Any]) -> Spec:
    returned: Any = get_type_hints(base)["return"]
    pages = not inspect.iscoroutinefunction(base)
    return Spec(name, role, base, pages, get_args(get_args(returned)[0])[0] if pages else returned)


SPECS: dict[str, Spec] = {
    name: _spec(role, name, base) for role in ROLES for name, base in vars(role).items() if hasattr(base, "engate_spec")
}


_BASICS = [
    Spec(name, Connection, getattr(Connection, name), pages=False, answer=None)
    for name in ("test_connection", "identity", "learn", "answer", "install_webhooks")
]
"""Methods that every connection has, whatever its role."""


def implemented_by(connection: type, roles: tuple[type, ...]) -> frozenset[str]:
    """The hooks of these roles that a class overrides. Raises TypeError, naming it, for one that cannot be called as its spec says."""
    mine = [spec for spec in SPECS.values() if spec.role in roles and issubclass(connection, spec.role)]
    found = {spec.name: spec for spec in mine if getattr(connection, spec.name) is not spec.base}
    for spec in found.values():
        _fits(connection, spec)
    for basic in _BASICS if Connection in connection.__mro__ else ():
        if getattr(connection, basic.name) is not basic.base:
            _fits(connection, basic)
    _no_other(connection, {spec.name for spec in mine})
    return frozenset(found)


def _fits(connection: type, spec: Spec) -> None:
    own = getattr(connection, spec.name)
    where = f"{connection.__name__}.{spec.name}"
    wanted, given = list(inspect.signature(spec.base).parameters), list(inspect.signature(own).parameters)
    if wanted != given:
        raise TypeError(f"{where}({', '.join(given)}) should be ({', '.join(wanted)})")
    plain = inspect.unwrap(own)
    if not spec.pages:
        if not any(inspect.iscoroutinefunction(each) for each in (own, plain)):
            raise TypeError(f"{where} should be `async def`")
    elif not any(inspect.isasyncgenfunction(each) for each in (own, plain)) and not _declares_pages(own):
        raise TypeError(f"{where} should be an async generator: `async def` with `yield` (or say that it returns an AsyncIterator)")


def _declares_pages(own: Callable[..., Any]) -> bool:
    """Whether a plain `def` is annotated as returning a generator of pages."""
    declared = str(inspect.signature(own).return_annotation)
    return not inspect.iscoroutinefunction(own) and ("AsyncIterator" in declared or "AsyncGenerator" in declared)


def _no_other(connection: type[Any], known: set[str]) -> None:
    owner: Any = connection
    verbs = VERBS if issubclass(connection, Connection) else ("on_",)
    for name in dir(owner):
        if not name.startswith(verbs) or name in known or not callable(getattr(owner, name)):
            continue
        where = f"{owner.__name__}.{name}"
        if name in SPECS:
            raise TypeError(f"{where} is a hook of {SPECS[name].role.__name__}, which this class is not")
        nearest = get_close_matches(name, known, 1, 0.0)
        meant = f": did you mean {nearest[0]}" if nearest else ""
        raise TypeError(f"{where} is no hook{meant}? (A method of your own begins with an underscore.)")
