"""Makes structs known to msgspec before a second thread decodes one.

msgspec learns what a struct holds when the first value of it is decoded. While it learns, a second thread that decodes the same struct uses
what is half known, and the process dies of a segmentation fault (msgspec 0.22; `core/tests/test_structs.py` shows it). So every struct is
made known by one thread: when a store starts its threads, and when the module of a platform is imported later.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import suppress

import msgspec

_lock = threading.Lock()
_known: set[type[msgspec.Struct]] = set()


def make_known() -> None:
    """Makes every struct known that is defined by now. Known ones cost only a walk over the classes."""
    with _lock:
        for struct in _below(msgspec.Struct):
            if struct not in _known:
                _known.add(struct)
                _learn(struct)


def _below(parent: type[msgspec.Struct]) -> Generator[type[msgspec.Struct]]:
    for child in parent.__subclasses__():
        yield child
        yield from _below(child)


def _learn(struct: type[msgspec.Struct]) -> None:
    with suppress(Exception):  # a struct that cannot be decoded raises where it is decoded
        msgspec.msgpack.Decoder(struct)
