"""Sessions at a platform, shared by all processes: a row with a generation and a lease for renewal, sealed like any secret."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import uuid4

import sqlalchemy as sa

from engate.http import Token
from engate.secrets import Vault, place_of
from engate.store.db import Store, insert
from engate.store.tables import token

LEASE = 60.0


def free_all(c: sa.Connection) -> None:
    """Frees all renewal leases. Call when no process works."""
    c.execute(sa.update(token).where(token.c.lease.is_not(None)).values(lease=None, lease_until=0))


class StoredTokens:
    """The session of one connection."""

    def __init__(self, store: Store, vault: Vault, tenant_id: int, connection_id: int) -> None:
        self._store, self._vault, self._id = store, vault, connection_id
        self._place = place_of(tenant_id, connection_id, "@token")

    async def load(self) -> tuple[int, Token | None]:
        return await self._store.reading(self._load)

    def _load(self, c: sa.Connection) -> tuple[int, Token | None]:
        row = c.execute(sa.select(token).where(token.c.connection_id == self._id)).first()
        if row is None:
            return 0, None
        if row.sealed is None:
            return row.generation, None
        expires = datetime.fromtimestamp(row.expires_at, UTC) if row.expires_at is not None else None
        return row.generation, Token(self._vault.open(row.sealed, self._place).decode(), expires)

    async def replace(self, seen: int, login: Callable[[], Awaitable[Token]]) -> Token:
        """Logs in unless another process has since generation `seen`. One renewal at a time over all processes."""
        lease = uuid4().hex
        try:
            while True:
                generation, current = await self.load()
                if generation != seen and current is not None:
                    return current
                # if cancelled here, the lease may still be taken: it is given back below, else nobody could log in until it ends
                if await self._store.durably(lambda c, g=generation: self._take(c, g, lease)):
                    break
                await asyncio.sleep(0.05)
            made = await login()
        except BaseException:
            await asyncio.shield(self._store.durably(lambda c: self._release(c, lease)))
            raise
        await self._store.durably(lambda c: self._keep(c, lease, made))
        return made

    def _take(self, c: sa.Connection, seen: int, lease: str) -> bool:
        c.execute(insert(c, token).values(connection_id=self._id).on_conflict_do_nothing(index_elements=["connection_id"]))
        now = time.time()
        taken = c.execute(
            sa.update(token)
            .where(token.c.connection_id == self._id, token.c.generation == seen, token.c.lease_until < now)
            .values(lease=lease, lease_until=now + LEASE)
        )
        return taken.rowcount == 1

    def _keep(self, c: sa.Connection, lease: str, made: Token) -> None:
        c.execute(
            sa.update(token)
            .where(token.c.connection_id == self._id, token.c.lease == lease)
            .values(
                generation=token.c.generation + 1,
                sealed=self._vault.seal(made.value.encode(), self._place),
                expires_at=made.expires_at.timestamp() if made.expires_at else None,
                lease=None,
                lease_until=0,
            )
        )

    def _release(self, c: sa.Connection, lease: str) -> None:
        c.execute(sa.update(token).where(token.c.connection_id == self._id, token.c.lease == lease).values(lease=None, lease_until=0))
