"""A connection's test as a table of probes: one line for each thing that must work. It changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from engate.errors import AuthFailed, EngateError, Forbidden
from engate.model import Check
from engate.text import Text


class Failed(Exception):
    """Raised by a probe: its line is not ok, with this text."""

    def __init__(self, text: Text, hint: Text) -> None:
        super().__init__(text.en)
        self.text, self.hint = text, hint


class Probe(NamedTuple):
    """`look`: returns the text of an ok line. `grant`: the hint where the account lacks the permission, in place of the error's."""

    name: str
    look: Callable[[], Awaitable[Text]]
    grant: Text | None = None


async def lines_of(probes: Sequence[Probe], renew: Text | None = None) -> list[Check]:
    """Runs the probes one after the other. Stops where the login is refused (`renew`: the hint then): other lines would repeat it."""
    lines: list[Check] = []
    for probe in probes:
        try:
            lines.append(Check(probe.name, True, await probe.look()))
        except Failed as failed:
            lines.append(Check(probe.name, False, failed.text, failed.hint))
        except AuthFailed as refused:
            lines.append(Check(probe.name, False, refused.text, renew or refused.hint))
            break
        except Forbidden as missing:
            lines.append(Check(probe.name, False, missing.text, probe.grant or missing.hint))
        except EngateError as error:
            lines.append(Check(probe.name, False, error.text, error.hint))
    return lines
