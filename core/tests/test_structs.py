"""A struct that two threads decode for the first time at once ends the process: so none is unknown when the threads start."""

from __future__ import annotations

import subprocess
import sys

import pytest

FIRST_USE = """
import sys, threading, msgspec
from engate.plugins import Manifest
from engate.store.db import Store

half_known, go_on = threading.Event(), threading.Event()

class Slow:
    "An annotation whose evaluation takes as long as the other thread wants."
    def __class_getitem__(cls, item):
        half_known.set()
        go_on.wait(1)
        return item

class Inner(msgspec.Struct):
    text: "Slow[str]"

class Outer(msgspec.Struct):
    inner: Inner
    number: int

def decode():
    assert msgspec.convert({"inner": {"text": "a"}, "number": 1}, Outer).number == 1

go_on.set()  # nobody else decodes yet
if WHEN == "store":
    Store(f"sqlite:///{sys.argv[1]}/engate.db")
if WHEN == "platform":
    from engate.testing.fake_shop.plugin import FAKE_SHOP
    FAKE_SHOP.connection_class()
go_on.clear()
first = threading.Thread(target=decode)
first.start()
half_known.wait()
decode()
go_on.set()
first.join()
print("both have decoded")
"""


def run(when: str, folder: object) -> subprocess.CompletedProcess[str]:
    text = f"WHEN = {when!r}\n{FIRST_USE}"
    return subprocess.run([sys.executable, "-c", text, str(folder)], capture_output=True, text=True, timeout=50, check=False)


@pytest.mark.parametrize("when", ["store", "platform"])
@pytest.mark.trap("engine.structs-known", "engine.structs-of-platforms")
def test_two_threads_decode_a_new_struct_at_once(when: str, tmp_path: object) -> None:
    done = run(when, tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "both have decoded"), done.stderr


def test_the_fault_is_still_there() -> None:
    """If this fails the library is mended, and `engate.structs` can go."""
    assert run("unused", "").returncode < 0
