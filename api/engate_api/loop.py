"""The event loop of every process: uvloop where it exists (a tenth less CPU a request), else the standard one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

try:
    from uvloop import run as _run
except ImportError:
    _run = asyncio.run

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    return _run(main)
