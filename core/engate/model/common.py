"""What all kinds of data share: pages, queries, push batches, choices, problems."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Generic, Literal, TypeVar

import msgspec

from engate.errors import AuthFailed, EngateError, Forbidden, NotSent, PluginFault, Rejected, Unknown
from engate.text import Text

T = TypeVar("T")
MOST_TICKET = 400


class Problem(msgspec.Struct, frozen=True):
    """Something in the ERP's data that keeps this entity from being sold: becomes a cause for a person with this code, text and hint."""

    code: str
    text: Text
    hint: Text


class Query(msgspec.Struct, frozen=True):
    """What a `list_*` or `read_*` hook is asked for.

    `since`: the platform's own watermark string, inclusive; None = everything (a full reading).
    `cursor`: where an interrupted reading continues: the `cursor` of the last page that was stored.
    `scope`: for a hook in `scoped`, the branch or price table of this reading ("" = the default table, or no branch is mapped); "" for any
    other hook.
    `keys`: only these entities (the platform's own keys); None = all.
    `tables`: for `list_prices`, the mapped price tables besides the default one: prices of others are left out.
    """

    since: str | None = None
    cursor: str | None = None
    scope: str = ""
    keys: tuple[str, ...] | None = None
    tables: tuple[str, ...] = ()


class Page(msgspec.Struct, Generic[T]):
    """One page. `cursor` resumes after it; `watermark` is the platform's newest change stamp seen in the page (its own string).

    `total`: how many items the whole list has by the platform's own count, None where it does not say. A reading that ends with fewer is
    not whole: it moves no watermark, and people are told. Count as `items` does: without what the hook leaves out.
    `also`: kind -> items of other kinds in the same answer ({"image": [Image(...)]}), for a hook that declares them in `Erp.together`.
    `watermark` covers them too.
    """

    items: list[T]
    cursor: str | None = None
    watermark: str | None = None
    total: int | None = None
    also: Mapping[str, Sequence[Any]] = {}


class Choice(msgspec.Struct, frozen=True):
    """One value a setting or mapping can take: `key` as the platform wants it, `name` for people."""

    key: str
    name: str
    active: bool = True


class Check(msgspec.Struct, frozen=True):
    """One line of a connection test."""

    name: str
    ok: bool
    text: Text
    hint: Text = Text("", "")


@dataclass(slots=True, eq=False, repr=False)
class Item(Generic[T]):
    """One record to push.

    `want`: what the storefront should have. `have`: what it last accepted (None: never, or unknown). `remote`: the linked storefront key.
    `more`: the second key of the same thing, where the storefront has two and a push told it ("" otherwise, also for a person's link).
    `refs`: storefront keys of what `want` refers to (names in `engate.model.kinds`), and `refs["sku.more"]` the second key of one that has
    one. `uncertain`: an earlier attempt may have been applied: look before creating. `unfinished`: engate made the thing that
    `remote` names, and it was not accepted since: nothing in it is the shop's own. `kept`: fields that belong to the shop's people once it
    exists there: do not overwrite them; for a shop that fetches: do not tell them (never includes the name). `turn`: the number of this
    decision, greater than those of all earlier decisions about this record; a retry has the same one.
    """

    key: str
    want: T
    _: KW_ONLY
    have: T | None = None
    remote: str | None = None
    refs: Mapping[str, str] = field(default_factory=dict[str, str])
    uncertain: bool = False
    unfinished: bool = False
    kept: frozenset[str] = frozenset()
    id: int = 0
    more: str = ""
    turn: int = 0


class Outcome(msgspec.Struct, frozen=True):
    """The outcome of one item. `remote`: the storefront's key where accepted, `more`: its second one; `answer`: the platform's words,
    shortened."""

    state: Literal["accepted", "rejected", "not_sent", "unknown"]
    remote: str = ""
    answer: str = ""
    error: EngateError | None = None
    more: str = ""


class Batch(Generic[T]):
    """What a push hook gets. Report each item when the storefront has answered; an item unreported at the end is *unknown*, unless
    the storefront still works on it (`deferred`). A `check_*` hook gets the items of its ticket that are still open.

    `may_defer`: no operation of this kind is open. While one is, batches are small and must be pushed by single calls: urgent changes do
    not wait for a large load, and a storefront that runs few operations at a time gets no second one.
    """

    def __init__(
        self,
        items: Iterable[Item[T]],
        *,
        settled: Callable[[Item[T], Outcome], None] | None = None,
        ticket: tuple[str, float] | None = None,
        may_defer: bool = True,
    ) -> None:
        self.items = list(items)
        self.may_defer = may_defer
        self.outcomes: dict[str, Outcome] = {}
        self.ticket = ticket
        self._settled = settled

    def accepted(self, item: Item[T], remote: str = "", answer: str = "", *, more: str = "") -> None:
        """The storefront holds `item.want` now. `remote`: its key there; `more`: a second key of the same thing ("" = as before)."""
        key, second = _key(remote) or item.remote or "", _key(more)
        if key == item.remote:
            second = second or item.more
        self._report(item, Outcome("accepted", key, str(answer), more=second))

    def failed(self, item: Item[T], error: EngateError) -> None:
        """The item was refused (`Rejected`), not sent (`NotSent`), or its effect is unknown (`Unknown`)."""
        if isinstance(error, Rejected):
            state: Literal["rejected", "not_sent", "unknown"] = "rejected"
        elif isinstance(error, NotSent):
            state = "not_sent"
        else:
            state = "unknown"
        self._report(item, Outcome(state, error=_ours(error)))

    def linked(self, item: Item[T], remote: str, *, unfinished: bool = False, more: str = "") -> None:
        """The storefront's key is known although the item is not finished: stored even if the rest fails. `unfinished`: engate made it."""
        key, second = _key(remote), _key(more)
        item.more = second or (item.more if key == item.remote else "")
        item.remote, item.unfinished = key, item.unfinished or unfinished

    def deferred(self, ticket: str, due: float) -> None:
        """The storefront accepted all unreported items as one operation that outlasts the call. `ticket`: its key there (one for each
        batch); the hook's `check_*` is called in `due` seconds."""
        key = _key(ticket)
        if self.ticket is not None:
            raise ValueError(f"the batch has the ticket {self.ticket[0]!r} already")
        if not 0 < len(key) <= MOST_TICKET or "\0" in key:
            raise ValueError(f"a ticket has 1 to {MOST_TICKET} characters, none of them NUL")
        if not 0 <= due < math.inf:
            raise ValueError(f"due in seconds, not {due!r}")
        self.ticket = (key, float(due))

    async def each(self, push: Callable[[Item[T]], Awaitable[str]], *, at_once: int = 32, items: Sequence[Item[T]] | None = None) -> None:
        """Pushes every item (or just `items`) with `push`, which returns the storefront's key or raises; an `AuthFailed` or `Forbidden`
        ends it, unsent."""
        chosen = self.items if items is None else items
        todo = iter(chosen)
        stopped: AuthFailed | Forbidden | None = None

        async def worker() -> None:
            nonlocal stopped
            for item in todo:
                if stopped is not None:
                    self.failed(item, stopped)
                    continue
                try:
                    self.accepted(item, await push(item))
                except (AuthFailed, Forbidden) as error:
                    stopped = error
                    self.failed(item, error)
                except (NotSent, Rejected, Unknown) as error:
                    self.failed(item, error)
                except Exception as error:  # one item that breaks the plugin does not hold up the others
                    self.failed(item, _broke(error))

        async with asyncio.TaskGroup() as group:
            for _ in range(min(at_once, len(chosen))):
                group.create_task(worker())

    def unreported(self) -> list[Item[T]]:
        return [item for item in self.items if item.key not in self.outcomes]

    def _report(self, item: Item[T], outcome: Outcome) -> None:
        self.outcomes[item.key] = outcome
        if self._settled is not None:
            self._settled(item, outcome)


def _key(remote: object) -> str:
    """The key as text: many platforms use numbers, and 7 becomes "7"."""
    if isinstance(remote, int) and not isinstance(remote, bool):
        return str(remote)
    if not isinstance(remote, str):
        raise TypeError(f"a storefront's key is a str, not {type(remote).__name__}")
    return remote


def _ours(error: object) -> EngateError:
    return error if isinstance(error, EngateError) else _broke(error)


def _broke(error: object) -> PluginFault:
    fault = PluginFault(Text("O plugin falhou neste item.", "The plugin failed on this item."))
    fault.__cause__ = error if isinstance(error, BaseException) else TypeError(f"{type(error).__name__} is no EngateError")
    return fault
