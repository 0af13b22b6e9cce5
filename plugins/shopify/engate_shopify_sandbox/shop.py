"""The state of one shop: its things by global id, its settings, and who is told when something happens."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from zlib import crc32

from engate_shopify_sandbox.errors import refuse
from engate_shopify_sandbox.ids import FIRST, gid, kind_of

DOMAIN = "loja-engate.myshopify.com"
CURRENCY = "BRL"
ONLINE_STORE = gid("Publication", 1)
KINDS, APART = 90_000, 10_000_000
"""Numbers of different kinds never meet: whoever takes one for the other is noticed."""


class Thing(Protocol):
    """Whatever has a global id. `typename`: its type in the schema."""

    typename: str
    id: str


@dataclass
class Settings:
    """What a merchant, his plan or chance decides. A test sets an attribute; a process is told by `corrupt` of kind `setting`."""

    plan: str = "standard"  # standard | advanced | plus | enterprise: the bucket
    protected_data: bool = True  # names, addresses, e-mail, phone and documents of buyers
    b2b: bool = True
    media_polls: int = 2  # so many looks at a file, or media_seconds, until it is READY
    media_seconds: float = 10.0
    job_polls: int = 2  # the same for a cancellation
    job_seconds: float = 5.0
    definitions_most: int = 250  # of metafields, of one owner type; how many, the contract does not say
    pins_most: int = 20  # of these, likewise
    bulk_polls: int = 2
    bulk_seconds: float = 10.0
    bulk_most: int = 5
    bulk_error: str = ""  # the next bulk operation fails half way with this errorCode
    bulk_paused: bool = False  # what is started meanwhile stays at its first line
    bulk_refusal: str = ""  # the next bulkOperationRunMutation is refused with this code
    storage_expired: int = 0  # so many of the next uploads and downloads meet a signature that has expired
    index_delay: float = 0.0  # seconds by which `query:` is late, for orders, products and variants
    pages_reach: int = 25_000
    throttle: int = 0  # so many of the next calls are THROTTLED, whatever the bucket holds
    internal: int = 0  # so many of the next calls end as INTERNAL_SERVER_ERROR in a 200, with no effect
    internal_applied: int = 0  # the same, and what was asked was done
    concurrent: int = 0  # so many of the next idempotent calls meet the same key under way
    gateways: dict[str, str] = field(
        default_factory=lambda: {
            "pix": "Pix", "boleto": "Boleto", "credit_card": "shopify_payments", "debit_card": "debit_card", "voucher": "gift_card",
        }
    )  # fmt: skip


class Shop:
    def __init__(self, now: Callable[[], datetime], source: random.Random) -> None:
        self.now = now
        self.random = source
        self.settings = Settings()
        self.things: dict[str, Any] = {}
        self.of_kind: dict[str, dict[str, Any]] = {}
        self.definitions: dict[tuple[str, str, str], Any] = {}  # (owner type, namespace, key) -> metafield definition
        self.unique: dict[tuple[str, str, str, str], Any] = {}  # … and value -> the owner, of those whose values are unique
        self.handles: dict[tuple[str, str], Any] = {}  # (type, handle) -> product or collection
        self.filenames: dict[str, Any] = {}  # -> file
        self.customers: dict[str, str] = {}  # e-mail -> id
        self.skus: dict[str, list[Any]] = {}  # in lower case -> variants: a SKU need not be unique
        self.begin: Callable[[], None] = lambda: None  # what follows is one event, whatever its topics
        self.tell: Callable[[str, Any], None] = lambda topic, thing: None
        self._last: dict[str, int] = {}

    def new_id(self, kind: str) -> str:
        self._last[kind] = self._last.get(kind, 0) + 1
        return gid(kind, FIRST + crc32(kind.encode()) % KINDS * APART + 17 * self._last[kind])

    def add(self, thing: Any, key: str | None = None) -> Any:
        self.things[key or thing.id] = thing
        self.of_kind.setdefault(thing.typename, {})[key or thing.id] = thing
        return thing

    def remove(self, thing: Any) -> None:
        self.things.pop(thing.id, None)
        self.of_kind.get(thing.typename, {}).pop(thing.id, None)

    def name(self, thing: Any, handle: str) -> None:
        """A product or collection under a handle that is free."""
        self.handles.pop((thing.typename, thing.handle), None)
        thing.handle = handle
        self.handles[thing.typename, handle] = thing

    def stock_keep(self, variant: Any, sku: str | None) -> None:
        """A variant under a SKU, or under none."""
        if variant.sku is not None:
            held = self.skus.get(variant.sku.casefold(), [])
            self.skus[variant.sku.casefold()] = [one for one in held if one is not variant]
        variant.sku = sku
        if sku is not None:
            self.skus.setdefault(sku.casefold(), []).append(variant)

    def all(self, *kinds: str) -> list[Any]:
        return [thing for kind in kinds for thing in self.of_kind.get(kind, {}).values()]

    def find(self, key: str, *kinds: str) -> Any | None:
        """The thing with this id; None where there is none. An id of another kind is refused, as the platform does it."""
        kind = kind_of(key)
        if kinds and kind not in kinds:
            raise refuse("RESOURCE_NOT_FOUND", f"Invalid id: {key}")
        return self.things.get(key) or self.things.get(key.partition("?")[0])

    def several(self, keys: Iterable[str], *kinds: str) -> list[Any]:
        return [found for key in keys if (found := self.find(key, *kinds)) is not None]
