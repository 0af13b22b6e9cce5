"""`make bench`: every benchmark, one line a goal with `ok` or `over`. Figures are ratios within one run; see docs/benchmarks.md."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import governor, latency, pushing, reading, shopify
from benchmarks.harness import Result
from engate.logs import configure
from engate_api import loop


def main() -> int:
    configure("WARNING")
    results: list[Result] = []

    def add(found: list[Result]) -> None:
        results.extend(found)
        for result in found:
            print(result.line(), flush=True)

    add(loop.run(reading.run()))
    add(reading.memory())
    add(loop.run(pushing.run()))
    add(governor.main())
    add(shopify.main())
    add(loop.run(latency.run()))
    over = [result for result in results if not result.ok]
    print(f"{len(results) - len(over)} ok, {len(over)} over")
    return 0


if __name__ == "__main__":
    sys.exit(main())
