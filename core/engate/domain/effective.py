"""What the storefront should have: the ERP's document with options, pair mapping, links and pending orders applied. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple, cast

import msgspec

from engate.domain.digests import digest
from engate.domain.mapping import PairMapping, sharing
from engate.domain.options import Options, classified_in_the_shop, one_for_all, staying
from engate.domain.reasons import Reason, of_problem, own
from engate.model import Brand, Category, Price, Problem, Product, Sku, StockLevel, Warehouse, gtin, in_cents
from engate.model.kinds import KINDS, Ref, titled, waits_for
from engate.text import Text

PLACEHOLDER = "@integracao"
PLACEHOLDER_NAME = "Integração"
BRAND_FOR_ALL = "@marca"
"""The brand of every product that has none in the ERP, where the option names one."""
NO_BRAND = "link.brand"
"""The code of the problem that a product has no brand in the ERP; the option `brand_for_all` solves it."""
Pending = dict[tuple[str, str], list[tuple[float | None, Decimal]]]
"""(SKU, branch) -> (when the ERP took the units over or None, units of orders)."""


class Pair(NamedTuple):
    """What these two platforms can do for each other. `kinds`: those that are read and pushed; `requires`: references without which the
    storefront accepts no product; `served`: kinds that the storefront fetches: nothing waits for their links, because it tells no keys;
    `needs_image`: the storefront shows no SKU without an image, and images are sent."""

    kinds: frozenset[str] = frozenset(KINDS)
    requires: frozenset[str] = frozenset()
    served: frozenset[str] = frozenset()
    needs_image: bool = False

    @property
    def stock_tells_all(self) -> bool:
        """Stock is sent and the rest is fetched later, so only stock can tell the shop at once that a SKU is not for sale."""
        return "stock" in self.kinds and {"sku", "price"} <= self.served


class Against(NamedTuple):
    """Why not all of the ERP's stock is offered. `pending`: units of orders that the ERP does not know; `off`: SKUs that are not for sale,
    where stock has to tell that; `imageless`: SKUs that the shop hides because they have no image."""

    pending: Pending
    off: frozenset[str] = frozenset()
    imageless: frozenset[str] = frozenset()


class Effective(NamedTuple):
    """`doc`: as it is pushed; `refs`: the storefront keys it needs; `digest`: of `accepted`; `reason`: why it cannot go; `missing`: a link
    that does not exist yet; `awaiting`: a cause to show although it goes; `kept`: fields that are the shop's own once it has the thing."""

    doc: Any
    refs: dict[str, str]
    digest: bytes
    reason: Reason | None = None
    missing: tuple[str, str] | None = None
    awaiting: Reason | None = None
    kept: frozenset[str] = frozenset()

    @property
    def accepted(self) -> Any:
        """What counts as held by the shop: without the shop's own fields, whose values are unknown and whose changes are not sent."""
        return blank(self.doc, self.kept)


def blank(doc: Any, names: frozenset[str]) -> Any:
    """The document as if the ERP said nothing of these fields."""
    if not names:
        return doc
    said = _unsaid(cast("type[Any]", type(doc)), names)
    return msgspec.structs.replace(doc, **said) if any(getattr(doc, name) != value for name, value in said.items()) else doc


@cache  # msgspec evaluates a struct's annotations each time that its fields are asked for
def _unsaid(kind: type[Any], names: frozenset[str]) -> dict[str, Any]:
    """Those of these fields that the kind has, with their empty values."""
    held = {each.name: each.default for each in msgspec.structs.fields(kind) if each.name in names}
    return {name: "" if default is msgspec.NODEFAULT else default for name, default in held.items()}


ANY_PAIR = Pair()

AWAITING = own(
    "enrichment", "placeholder",
    Text("Enviado para a categoria ou marca 'Integração', inativa.", "Sent to the inactive category or brand 'Integração'."),
    Text("Classifique o produto na loja.", "Classify the product in the shop."),
    "storefront",
)  # fmt: skip


class Rules:
    """What `effective` needs to know of one integration, loaded once a slice."""

    def __init__(
        self,
        options: Options,
        mapping: PairMapping,
        links: Mapping[tuple[str, str], str],
        against: Against,
        pair: Pair = ANY_PAIR,
    ) -> None:
        self.pair = pair
        self.options = options
        self.links = links
        self.against = against
        self.warehouses = {row.branch: row.warehouse for row in mapping.warehouses}
        self.sharing = sharing(mapping)
        self.price_lists = {row.table: row.list for row in mapping.price_lists}
        # a record without a name cannot be handed out
        self.kept = {kind: names - {"name"} if kind in pair.served else names for kind, names in staying(options).items()}

    def effective(self, kind: str, doc: Any, read_at: float) -> Effective:
        """Decides about a document. `read_at`: when the ERP was asked for it."""
        found = self._decided(kind, doc, read_at)
        kept = self.kept.get(kind)
        if not kept:
            return found
        found = found._replace(kept=kept)
        return found._replace(digest=digest(found.accepted, found.refs))

    def _decided(self, kind: str, doc: Any, read_at: float) -> Effective:
        problem = next((each for each in doc.problems if not self._answered(each)), None)
        if problem is not None:
            return Effective(doc, {}, digest(doc, {}), of_problem(problem))
        if isinstance(doc, Category | Brand | Product | Sku) and not doc.name.strip():
            return Effective(doc, {}, digest(doc, {}), nameless(kind, doc.key))
        match doc:
            case StockLevel():
                return self._stock(doc, read_at)
            case Price():
                return self._price(doc)
            case Sku():
                return self._sku(doc)
            case Category() | Brand() | Product():
                return self._referring(kind, doc)
            case Warehouse():
                return self._warehouse(doc)
            case _:
                return self._plain(doc)

    def _answered(self, problem: Problem) -> bool:
        return problem.code == NO_BRAND and bool(self.options.brand_for_all)

    def ignores(self, doc: Any) -> bool:
        """Whether the document is not needed: a price of a table that is not mapped."""
        return isinstance(doc, Price) and bool(doc.table) and doc.table not in self.price_lists

    @staticmethod
    def _plain(doc: Any) -> Effective:
        return Effective(doc, {}, digest(doc, {}))

    def _sku(self, sku: Sku) -> Effective:
        """A code that is no GTIN is not sent: the SKU sells without it, and a person is told."""
        doc, code = self._weighed(sku), gtin(sku.ean)
        if code != sku.ean:
            doc = msgspec.structs.replace(doc, ean=code)
        wrong = sku.ean and not code and "gtin" in self.options.product_fields
        awaiting = NO_IMAGE if sku.key in self.against.imageless else wrong_gtin(sku) if wrong else None
        return Effective(doc, {}, digest(doc, {}), awaiting=awaiting)

    def _weighed(self, sku: Sku) -> Sku:
        if sku.weight_kg or not self.options.default_weight_grams:
            return sku
        return msgspec.structs.replace(sku, weight_kg=Decimal(self.options.default_weight_grams) / 1000)

    def _warehouse(self, doc: Any) -> Effective:
        refs = {"warehouse": self.warehouses[doc.key]} if doc.key in self.warehouses else {}
        return Effective(doc, refs, digest(doc, refs))

    def _stock(self, level: StockLevel, read_at: float) -> Effective:
        """The ERP's number − units of stored orders that it does not reserve yet − buffer, never below 0; 0 for a SKU that is off."""
        warehouse = self.warehouses.get(level.warehouse)
        if warehouse is None:
            return Effective(level, {}, digest(level, {}), unmapped_branch(level.warehouse))
        refs = {"warehouse": warehouse}
        if warehouse in self.sharing:  # the offer is decided where the other branches are known: `engate.sync.sharing`
            doc = self.as_told(level, self.told(level, read_at))
            about = {"with": ",".join(self.sharing[warehouse]), "buffer": str(self.options.stock_buffer)}
            return Effective(doc, refs, digest(doc, refs | about))
        doc = self.as_told(level, self.offered(self.told(level, read_at)))
        return Effective(doc, refs, digest(doc, refs))

    def unreserved(self, level: StockLevel, read_at: float) -> Decimal:
        """What the ERP said is available, without the units of orders that it did not know."""
        return level.quantity - self._pending(level, read_at)

    def told(self, level: StockLevel, read_at: float) -> Decimal:
        """The same for the balance that the option names: both balances include units of orders that the ERP does not know."""
        if level.sku in self.against.off:
            return Decimal(0)
        physical = level.physical if self.options.stock_sent == "physical" else None
        return (level.quantity if physical is None else physical) - self._pending(level, read_at)

    def _pending(self, level: StockLevel, read_at: float) -> Decimal:
        pending = self.against.pending.get((level.sku, level.warehouse), ())
        return sum((units for freed_at, units in pending if freed_at is None or freed_at >= read_at), Decimal(0))

    def offered(self, units: Decimal) -> Decimal:
        return max(Decimal(0), units - self.options.stock_buffer)

    def as_told(self, level: StockLevel, units: Decimal) -> StockLevel:
        """The level with one number: a change of the other balance is not sent."""
        unlimited = level.unlimited and level.sku not in self.against.off
        if (units, None, unlimited) == (level.quantity, level.physical, level.unlimited):
            return level
        return msgspec.structs.replace(level, quantity=units, physical=None, unlimited=unlimited)

    def _price(self, price: Price) -> Effective:
        price_list = self.price_lists.get(price.table)
        if self.ignores(price):
            reason = own(
                "mapping.price_table", price.table,
                Text(f"A tabela de preço '{price.table}' não está mapeada.", f"Price table '{price.table}' is not mapped."),
                Text("Mapeie a tabela para uma lista de preço da loja.", "Map the table to a price list of the shop."),
            )  # fmt: skip
            return Effective(price, {}, digest(price, {}), reason)  # never as the default price
        refs = {"price_list": price_list} if price_list else {}
        doc = priced_in_cents(price)
        return Effective(doc, refs, digest(doc, refs))

    def _referring(self, kind: str, doc: Any) -> Effective:
        refs: dict[str, str] = {}
        awaiting = None
        named = self._named(kind, doc)
        if isinstance(named, Reason):
            return Effective(doc, refs, digest(doc, refs), named)
        for name, ref_kind, wanted in named:
            key, remote = wanted, self.links.get((ref_kind, wanted))
            if not KINDS[kind].shared and (
                wanted == PLACEHOLDER or (remote is None and self._placeholder(ref_kind) and wanted != BRAND_FOR_ALL)
            ):
                key, awaiting = PLACEHOLDER, AWAITING
                remote = self.links.get((ref_kind, key))
            if remote is None:
                return Effective(doc, refs, digest(doc, refs), None, (ref_kind, key))
            refs[name] = remote
        return Effective(doc, refs, digest(doc, refs), awaiting=awaiting)

    def _named(self, kind: str, doc: Any) -> list[Ref] | Reason:
        """What the document refers to. A kind that this pair does not offer is not waited for."""
        told = KINDS[kind]
        refs_of = told.refs or no_refs
        named = [ref for ref in refs_of(doc) if ref[1] in self.pair.kinds or ref[1:] in self.links]
        if told.shared:
            return named
        for ref in told.refers_to:
            if ref in self.pair.served or any(name == ref for name, _, _ in named):
                continue  # a shop that fetches products does not require it
            if one_for_all(self.options, KINDS[ref]):
                named.append((ref, ref, BRAND_FOR_ALL))
            elif ref in self.pair.requires and self._placeholder(ref):
                named.append((ref, ref, PLACEHOLDER))
            elif ref in self.pair.requires:
                return REQUIRED[ref]
        return named

    def _placeholder(self, kind: str) -> bool:
        return classified_in_the_shop(self.options, KINDS[kind])


def priced_in_cents(price: Price) -> Price:
    """The price in whole cents, as shops need it."""
    listed = None if price.list_price is None else in_cents(price.list_price)
    if (in_cents(price.base), listed) == (price.base, price.list_price):
        return price
    return msgspec.structs.replace(price, base=in_cents(price.base), list_price=listed)


def no_refs(_: Any) -> tuple[()]:
    return ()


REQUIRED = {
    "brand": own(
        "brand.required", "product",
        Text("A loja exige uma marca, e o ERP não informa a destes produtos.",
             "The shop requires a brand, and the ERP has none for these products."),
        Text("Preencha a opção 'Marca para todos' da integração, ou a marca dos produtos no ERP.",
             "Fill in the integration's option 'One brand for all', or the products' brand in the ERP."),
    ),
    "category": own(
        "category.required", "product",
        Text("A loja exige uma categoria, e o ERP não informa a destes produtos.",
             "The shop requires a category, and the ERP has none for these products."),
        Text("Preencha a categoria dos produtos no ERP, ou escolha 'Classificar na loja' na opção 'Categorias novas'.",
             "Fill in the products' category in the ERP, or choose 'Classify in the shop' in the option 'New categories'."),
    ),
}  # fmt: skip
"""One cause for all products: the reference is missing in the ERP, and an option could replace it."""


def nameless(kind: str, key: str) -> Reason:
    said = titled(kind, key)
    return own(
        "name.missing", f"{kind}/{key}",
        Text(f"{said.pt}: sem nome no ERP; na loja fica como estava.",
             f"{said.en}: without a name in the ERP; in the shop it stays as it was."),
        Text("Preencha o nome no cadastro do ERP.", "Fill in the name in the ERP's record."),
    )  # fmt: skip


def wrong_gtin(sku: Sku) -> Reason:
    return own(
        "sku.gtin", f"{sku.key}/{sku.ean}"[:180],
        Text(f"O código de barras {sku.ean} do item {sku.key} não é um GTIN válido: o item é vendido sem ele.",
             f"Barcode {sku.ean} of item {sku.key} is no valid GTIN: the item is sold without it."),
        Text("Corrija o código de barras (EAN) no cadastro do ERP.", "Correct the barcode (EAN) in the ERP's record."),
    )  # fmt: skip


NO_IMAGE = own(
    "sku.image", "image",
    Text("O ERP não tem imagem do item, e a loja não mostra item sem imagem.",
         "The ERP has no image of the item, and the shop shows no item without one."),
    Text("Inclua a imagem no cadastro do ERP, ou na própria loja.", "Add the image to the ERP's record, or in the shop itself."),
    "storefront",
)  # fmt: skip
"""One cause for all items; these are in the shop as they should be."""


def missing_link(kind: str, key: str) -> Reason:
    """The cause of waiting until the referred record is in the storefront. It ends when that link appears."""
    return own(
        "waiting.link", f"{kind}/{key}",
        waits_for(kind, key),
        Text("Nada a fazer aqui: veja o registro de que depende.", "Nothing to do here: see the record it depends on."),
        "engate",
    )  # fmt: skip


def unmapped_branch(branch: str) -> Reason:
    return own(
        "mapping.warehouse", branch,
        Text(f"A filial {branch} não está mapeada para um depósito da loja.", f"Branch {branch} is not mapped to a storefront warehouse."),
        Text("Mapeie a filial em 'Filiais e depósitos' da integração.", "Map the branch in the integration's 'Branches and warehouses'."),
    )  # fmt: skip
