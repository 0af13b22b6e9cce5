"""How every process runs."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc
from engate_api import loop

async def main():
    return gc.get_threshold()[0], gc.get_freeze_count() > 0

print(*loop.run(main()))
"""


def test_garbage_is_collected_after_thousands_of_objects_and_what_stays_is_left_out() -> None:
    said = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout.split()
    assert int(said[0]) >= 5_000
    assert said[1] == "True"
