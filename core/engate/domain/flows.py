"""The flows: one table of which hooks each needs and can use. What a pair can do is derived from it, not declared."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from engate.model.kinds import KINDS, Kind
from engate.plugins import Coupling
from engate.text import Text
from engate.titles import doing


class Flow(msgspec.Struct, frozen=True):
    """`needs`: hooks that both sides must offer; `uses`: hooks it can use besides. `every`, `full_every`: default schedule in seconds."""

    name: str
    title: Text
    needs: tuple[str, ...]
    uses: tuple[str, ...] = ()
    every: float = 600.0
    full_every: float | None = 86400.0
    priority: int = 5

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return tuple(kind for kind in KINDS.values() if kind.flow == self.name)

    @property
    def lane(self) -> str:
        return f"read/{self.name}"


FLOWS: dict[str, Flow] = {
    flow.name: flow
    for flow in (
        Flow("warehouses", Text("Filiais e depósitos", "Warehouses"), ("list_warehouses", "push_warehouses"), every=3600, priority=4),
        Flow("categories", Text("Categorias", "Categories"), ("list_categories", "push_categories"), every=1800, priority=4),
        Flow("brands", Text("Marcas", "Brands"), ("list_brands", "push_brands"), every=1800, priority=4),
        Flow("products", Text("Produtos", "Products"), ("list_products", "list_skus", "push_products", "push_skus"), every=600, priority=6),
        Flow("images", Text("Imagens", "Images"), ("list_images", "push_images"), every=3600, priority=7),
        Flow("prices", Text("Preços", "Prices"), ("list_prices", "push_prices"), every=300, priority=3),
        Flow("stock", Text("Estoque", "Stock"), ("list_stock", "push_stock"), every=60, priority=2),
        Flow(
            "orders", Text("Pedidos", "Orders"),
            ("read_order_events", "read_order", "find_order", "import_order"),
            ("read_orders", "import_cancellation", "import_order_change", "finish_order", "send_handling", "send_cancel_refusal"),
            every=5, full_every=None, priority=0,
        ),
        Flow(
            "fulfilment", Text("Faturamento e entrega", "Fulfilment"),
            ("list_fulfilment",), ("send_invoice", "send_order_change", "send_tracking", "send_delivery", "send_cancellation"),
            every=30, full_every=None, priority=1,
        ),
    )
}  # fmt: skip
"""In the order of an initial load."""


def offered(coupling: Coupling) -> dict[str, Text | None]:
    """Flow name -> None where this pair of accounts can run it, else why not. Holds every flow."""
    found: dict[str, Text | None] = {}
    for flow in FLOWS.values():
        missing = [name for name in flow.needs if not coupling.can(name)]
        if not missing:
            found[flow.name] = None
            continue
        said = [coupling.unavailable[name] for name in missing if name in coupling.unavailable]
        found[flow.name] = said[0] if said else _not_offered(missing)
    return found


def _not_offered(hooks: Sequence[str]) -> Text:
    done = [doing(name) for name in hooks]
    pt, en = ", ".join(each.pt for each in done), ", ".join(each.en for each in done)
    return Text(f"Estas plataformas não oferecem: {pt}.", f"These platforms do not offer: {en}.")
