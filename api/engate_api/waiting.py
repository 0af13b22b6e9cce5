"""Waits for slices that were asked to cancel. Afterwards none of them calls a platform any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import sqlalchemy as sa

from engate.text import Text
from engate_api.installation import Installation
from engate_api.problems import Refused

PAUSE = 0.05
LONGEST = 20.0


async def until_ended(installation: Installation, running: Callable[[sa.Connection], bool]) -> None:
    """Polls until `running` is false; after 20 s it says so."""
    try:
        async with asyncio.timeout(LONGEST):
            while await installation.store.viewing(running):  # noqa: ASYNC110  # the slice may run in another process
                await asyncio.sleep(PAUSE)
    except TimeoutError:
        raise Refused(
            409,
            "still_running",
            Text(
                "O cancelamento foi pedido, mas uma chamada ainda está em andamento.",
                "It was asked to stop, but a call is still under way.",
            ),
            Text("Repita em alguns segundos.", "Repeat in a few seconds."),
        ) from None
