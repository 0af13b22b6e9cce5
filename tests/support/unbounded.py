"""An ERP that does not say how long an unanswered import may take to show."""

from __future__ import annotations

import msgspec

from engate.context import Context
from engate_winthor import manifest
from engate_winthor.erp import Winthor


class Unbounded(Winthor):
    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.settles_within = None


UNBOUNDED = msgspec.structs.replace(manifest, connection="tests.support.unbounded:Unbounded")
