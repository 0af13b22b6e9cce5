"""Connections and couplings of this process, built from the database and rebuilt when their row changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from engate.clock import Clock
from engate.context import Context
from engate.domain.snapshot import Snapshot
from engate.errors import Unavailable
from engate.hooks import Connection, Erp, Observer, Storefront
from engate.http import PAUSE, Journal, Services, Transport
from engate.limits import Budget
from engate.observers import Observers
from engate.observers import discover as discover_observers
from engate.plugins import Coupling, Manifest, Platform, discover
from engate.secrets import Vault
from engate.settings import load
from engate.store import config
from engate.store.db import Store
from engate.store.tables import connection, integration
from engate.store.tokens import StoredTokens
from engate.sync import door
from engate.sync.calls import Calls
from engate.text import Text


class Registry:
    """One per process. The integrations that use a connection share it, and so its rate limits."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        clock: Clock,
        journal: Journal,
        *,
        observers: Mapping[str, Observer] | None = None,
        budget: Budget | None = None,
        public_url: str | None = None,
        calls: Calls | None = None,
    ) -> None:
        self.store, self.vault, self.clock, self._journal, self._budget = store, vault, clock, journal, budget
        self._calls = calls
        self.public_url = public_url
        self.observers = Observers(discover_observers() if observers is None else observers)
        self.letters = Counter[int]()
        """Letters to buyers that are under way in this process, by tenant."""
        self.platforms: dict[str, Platform] = discover()
        self.transport: Transport | None = None
        self.pause = PAUSE
        self._connections: dict[int, tuple[tuple[int, int], Connection]] = {}
        self._current: dict[int, tuple[Any, Coupling]] = {}
        self._couplings: dict[int, tuple[Any, Coupling]] = {}

    def add(self, manifest: Manifest) -> None:
        """Adds a platform that has no entry point, for a benchmark or a test."""
        self.platforms[manifest.key] = Platform(manifest.key, manifest)

    def forget(self) -> None:
        """Forgets all connections: each is built anew when it is next needed."""
        self._connections.clear()
        self._couplings.clear()
        self._current.clear()

    def manifest(self, platform: str) -> Manifest:
        """The manifest of an installed plugin. Raises Unavailable where it is missing or does not load."""
        found = self.platforms.get(platform)
        if found is None or found.manifest is None:
            why = Text("o plugin não carrega", "its plugin does not load") if found else Text("não instalada", "not installed")
            said = f" ({found.failure})" if found else ""
            raise Unavailable(
                Text(f"A plataforma '{platform}' não está disponível: {why.pt}{said}.",
                     f"Platform '{platform}' is not available: {why.en}{said}."),
                Text("Peça a quem administra o engate que instale ou corrija o plugin dela.",
                     "Ask whoever runs engate to install or mend its plugin."),
                code="platform_missing",
            )  # fmt: skip
        return found.manifest

    async def connection(self, id: int, *, glance: bool = False) -> Connection:
        """`glance`: for a caller that must not queue behind the lanes' reads."""
        row, secrets = await (self.store.glancing if glance else self.store.reading)(lambda c: self._rows(c, id))
        cached = self._connections.get(id)  # after the read: another task may have built it meanwhile
        if cached is not None and cached[0] == (row.revision, row.learned):
            return cached[1]
        try:
            manifest = self.manifest(row.platform)
        except Unavailable as error:
            error.connection_id = id
            raise
        if self.transport is None:
            self.transport = Transport()
        services = Services(
            account=f"{row.platform}/{row.id}",
            clock=self.clock,
            transport=self.transport,
            tokens=StoredTokens(self.store, self.vault, row.tenant_id, id),
            journal=self._journal,
            connection_id=id,
            budget=self._budget,
            pause=self.pause,
            calls=self._calls.of(id, secrets.values()) if self._calls is not None else None,
        )
        made = manifest.connection_class()(Context(load(manifest.settings, {**row.settings, **secrets}), services, row.facts))
        self._connections[id] = ((row.revision, row.learned), made)
        return made

    def door_of(self, row: Any) -> str | None:
        """The address that the platform of this connection (its row) calls; None where engate's public address is not configured."""
        return door.address(self.vault, self.public_url, row) if self.public_url is not None else None

    async def coupling_of(self, snapshot: Snapshot) -> Coupling:
        """The coupling of these revisions and facts. Nothing is read from the database while they stay the same."""
        cached, now = self._current.get(snapshot.id), (snapshot.sides, snapshot.learned)
        if cached is not None and cached[0] == now:
            return cached[1]
        made = await self.coupling(snapshot.id)
        self._current[snapshot.id] = (now, made)
        return made

    async def coupling(self, integration_id: int) -> Coupling:
        row = await self.store.reading(
            lambda c: c.execute(
                sa.select(integration.c.erp_id, integration.c.storefront_id, connection.c.platform.label("erp"))
                .join(connection, connection.c.id == integration.c.erp_id)
                .where(integration.c.id == integration_id)
            ).one()
        )
        erp, storefront = await self.connection(row.erp_id), await self.connection(row.storefront_id)
        cached = self._couplings.get(integration_id)
        if cached is not None and cached[0] == (erp, storefront):
            return cached[1]
        assert isinstance(erp, Erp)
        assert isinstance(storefront, Storefront)
        made = Coupling(erp, storefront, self.manifest(row.erp).order_fields)
        self._couplings[integration_id] = ((erp, storefront), made)
        return made

    def _rows(self, c: sa.Connection, id: int) -> tuple[Any, dict[str, str]]:
        row = c.execute(sa.select(connection).where(connection.c.id == id)).one()
        cached = self._connections.get(id)
        if cached is not None and cached[0] == (row.revision, row.learned):
            return row, {}
        return row, config.open_secrets(c, self.vault, row.tenant_id, id)

    async def close(self) -> None:
        if self.transport is not None:
            await self.transport.aclose()
