"""Catalogue, prices and stock: WinThor's rows as engate's model. What is wrong in the ERP becomes a `Problem`."""

from collections.abc import Callable, Mapping
from datetime import datetime, time
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import msgspec

from engate import Text
from engate.model import Brand, Category, Choice, Image, Price, Problem, Product, Sku, StockLevel, Warehouse, gtin
from engate.shapes import is_array, is_object
from engate_winthor.rows import (
    BillingRow,
    BranchRow,
    BrandRow,
    CategoryRow,
    DepartmentRow,
    Number,
    PlanRow,
    PriceRow,
    ProductRow,
    RegionRow,
    SectionRow,
    SkuRow,
    StockRow,
    flag,
    text,
)
from engate_winthor.translate_customers import document

ALL_BRANCHES = "99"
"""WinThor's code that stands for every branch. It is no branch itself."""
NOTHING = Decimal(0)
UNREADABLE = (ValueError, ArithmeticError)
"""What reading a value raises that is no date or number."""


def _link(code: str, called: Text, where: Text) -> Problem:
    return Problem(
        f"link.{code}",
        Text(f"Sem {called.pt} no WinThor.", f"No {called.en} in WinThor."),
        Text(
            f"Preencha {called.pt} {where.pt}; sem isso o WinThor deixa o item fora da loja.",
            f"Fill in the {called.en} {where.en}; without it WinThor leaves the item out of the shop.",
        ),
    )


_DEPARTMENT, _SECTION = Text("departamento", "department"), Text("seção", "section")
_CATEGORY, _BRAND = Text("categoria", "category"), Text("marca", "brand")
_OF_PRODUCT = Text(
    "no cadastro do produto (rotina 203 ou 292; aba e-commerce: 2009)", "of the product (routine 203 or 292; tab e-commerce: 2009)"
)
NO_DEPARTMENT = _link("department", _DEPARTMENT, _OF_PRODUCT)
NO_SECTION = _link("section", _SECTION, _OF_PRODUCT)
NO_CATEGORY = _link("category", _CATEGORY, _OF_PRODUCT)
NO_BRAND = _link("brand", _BRAND, _OF_PRODUCT)
SECTION_ALONE = _link("department", _DEPARTMENT, Text("no cadastro da seção", "of the section"))
CATEGORY_ALONE = _link("section", _SECTION, Text("no cadastro da categoria", "of the category"))
NO_CODE = Problem(
    "sku.code",
    Text("Embalagem sem código auxiliar no WinThor.", "Packaging without an auxiliary code in WinThor."),
    Text("Preencha o código auxiliar (EAN) na rotina 203.", "Fill in the auxiliary code (EAN) in routine 203."),
)
NO_PRICE = Problem(
    "price.missing",
    Text("Sem preço no WinThor.", "No price in WinThor."),
    Text(
        "Precifique na rotina 201 (região), 2017 (atacado) ou 357 (fixo), conforme o parâmetro 2277 da filial.",
        "Set it in routine 201 (region), 2017 (wholesale) or 357 (fixed), as parameter 2277 of the branch says.",
    ),
)
NO_EAN = Problem(
    "image.ean",
    Text("Sem EAN para montar o endereço da imagem.", "No EAN to make the image's address of."),
    Text(
        "Cadastre o EAN na rotina 203 ou use {code} no endereço das imagens.",
        "Register the EAN in routine 203, or use {code} in the image address.",
    ),
)
UNKNOWN_BRANCH = Problem(
    "branch.unknown",
    Text("A filial configurada não existe no WinThor.", "The configured branch does not exist in WinThor."),
    Text("Corrija as filiais da conexão.", "Fix the branches of the connection."),
)


def unreadable(row: msgspec.Struct, readers: Mapping[str, Callable[[Any], object]]) -> tuple[Problem, ...]:
    """A problem for each of these fields that cannot be read: one bad record must not keep the rest of its page from the shop."""
    return tuple(_unreadable(row, field) for field, read in readers.items() if _raises(read, getattr(row, field)))


def _raises(read: Callable[[Any], object], value: object) -> bool:
    try:
        read(value)
    except UNREADABLE:
        return True
    return False


def _unreadable(row: msgspec.Struct, field: str) -> Problem:
    name = dict(zip(row.__struct_fields__, row.__struct_encode_fields__, strict=True))[field]
    held = getattr(row, field)
    value = (bytes(held).decode(errors="replace") if isinstance(held, msgspec.Raw) else str(held))[:60]
    return Problem(
        "value.unreadable",
        Text(f"O WinThor informa {name} = {value}, que não pode ser lido.", f"WinThor says {name} = {value}, which cannot be read."),
        Text(
            "Corrija o valor no cadastro do WinThor; o item segue na próxima leitura.",
            "Correct the value in WinThor's record; the item goes on at the next reading.",
        ),
    )


def finite(value: Number) -> None:
    """Raises for "NaN" and the infinities, which the decoder takes for numbers."""
    if value is not None and not value.is_finite():
        raise ValueError(value)


# ---- the tree: ids are unique only within their level ----


def department(row: DepartmentRow) -> Category:
    key = text(row.id)
    return Category(f"department/{key}", text(row.name) or text(row.description), active=flag(row.active, True))


def section(row: SectionRow) -> Category:
    key, parent = text(row.id), text(row.department.id if row.department else None)
    name = text(row.description) or text(row.name)
    if not parent:
        return Category(f"section/{key}", name, problems=(SECTION_ALONE,))
    return Category(f"section/{key}", name, f"department/{parent}")


def category(row: CategoryRow) -> Category:
    key, parent = text(row.id), text(row.section.id if row.section else None)
    name = text(row.name)
    if not parent:
        return Category(f"category/{key}", name, problems=(CATEGORY_ALONE,))
    return Category(f"category/{key}", name, f"section/{parent}")


def brand(row: BrandRow) -> Brand:
    key = text(row.id)
    return Brand(key, text(row.name))


# ---- products and packagings ----


def for_shop(row: ProductRow) -> bool:
    """Whether the row is flagged "Enviar para e-commerce". One that does not say is not for the shop."""
    return flag(row.visible, False)


def product(row: ProductRow) -> Product:
    key, category_id, brand_id = text(row.id), text(row.category), text(row.brand)
    problems: tuple[Problem, ...] = ()
    if not (text(row.department) and text(row.section) and category_id and brand_id):
        links = ((row.department, NO_DEPARTMENT), (row.section, NO_SECTION), (row.category, NO_CATEGORY), (row.brand, NO_BRAND))
        problems = tuple(problem for link, problem in links if not text(link))
    return Product(
        key,
        text(row.name),
        text(row.description),
        f"category/{category_id}" if category_id else None,
        brand_id or None,
        flag(row.active, True),
        flag(row.show_without_stock, False),
        problems,
        text(row.unit),
        row.net_weight or NOTHING,
    )


def sku_key(row: SkuRow) -> str:
    """ "codauxiliar-codprod", the key WinThor uses everywhere."""
    return text(row.key) or f"{text(row.code)}-{text(row.product)}"


def sku(row: SkuRow) -> Sku:
    code = text(row.code)
    return Sku(
        sku_key(row),
        text(row.product),
        text(row.name) or text(row.product_name),
        ean(row.eans, code),
        row.units or Decimal(1),
        _size(row.real_weight, row.weight),
        _size(row.real_height, row.height),
        _size(row.real_width, row.width),
        _size(row.real_length, row.length),
        flag(row.is_active, True) and flag(row.active, True),
        () if code else (NO_CODE,),
        f"{text(row.name)}/{row.units.normalize():f}" if row.name and row.units else "",
    )


def _size(real: Number, plain: Number) -> Decimal:
    """The e-commerce measure (routines 292, 2014), else the plain one."""
    return real or plain or NOTHING


SHORTEST_CODE = 8
"""Digits: a shorter code is the company's own, though zeros could make a GTIN of it."""


def ean(listed: object, code: str) -> str:
    """The first of the listed EANs, else the auxiliary code where that is a GTIN itself (the usual case). It is a number in WinThor, so
    the zeros that it begins with are lost."""
    values = listed if is_array(listed) else [listed]
    for value in values:
        found = text(next(iter(value.values()), None) if is_object(value) else value)
        if found:
            return gtin(found) or found
    return gtin(code) if len(code) >= SHORTEST_CODE else ""


def image(row: SkuRow, template: str) -> Image:
    """The image of a packaging at the address that the template gives."""
    key = sku_key(row)
    found = ean(row.eans, text(row.code))
    name = text(row.product_name) or text(row.name) or key
    if "{ean}" in template and not found:
        return Image(f"{key}/0", key, "", name, problems=(NO_EAN,))
    url = template
    for place, value in (("{code}", text(row.product)), ("{ean}", found), ("{sku}", key)):
        url = url.replace(place, quote(value, safe=""))
    return Image(f"{key}/0", key, url, name)


# ---- prices ----


def price(row: PriceRow, now: str, table: str = "") -> Price:
    """What a packaging costs at `now` (ERP local) in a price table ("" = the default one).

    The fixed price (routine 357) goes over a running offer, and that over the table.
    An offer that has not begun or is over is no price: every reading of prices is complete, so it comes and goes with its dates.
    """
    sku = text(row.sku)
    key = f"{sku}@{table}" if table else sku
    try:
        base, struck = _amounts(row, now)
        return Price(key, sku, base, struck, table, problems=() if base > 0 else (NO_PRICE,))
    except UNREADABLE:
        return Price(key, sku, NOTHING, table=table, problems=unreadable(row, PRICED) or (NO_PRICE,))


def _amounts(row: PriceRow, now: str) -> tuple[Decimal, Decimal | None]:
    """(the price, the struck list price or None)"""
    table = row.price or NOTHING
    is_fixed, amount = fixed(row.fixed)
    if is_fixed:
        return amount or table, None
    if row.offer and row.offer > 0 and running(row.offer_start, row.offer_end, now):
        return row.offer, table if table > row.offer else None
    return table, None


def fixed(raw: msgspec.Raw) -> tuple[bool, Decimal | None]:
    """(whether the price is a fixed one, its amount where the field holds one)."""
    held = bytes(raw)
    if held in (b"null", b"false", b"0", b'""', b'"N"'):
        return False, None
    if held in (b"true", b'"S"'):
        return True, None
    amount = msgspec.json.decode(held, type=Decimal)
    return amount > 0, amount


def running(start: str | None, end: str | None, now: str) -> bool:
    """Both ends are inclusive; an end without a time of day is the whole day. Two missing ends are no offer."""
    moment = datetime.fromisoformat(now)
    begins, ends = _day(start), _day(end)
    if begins is None and ends is None:
        return False
    if ends is not None and ends.time() == time.min:
        ends = datetime.combine(ends.date(), time.max)
    return (begins is None or begins <= moment) and (ends is None or moment <= ends)


def _day(stamp: str | None) -> datetime | None:
    if not stamp or stamp.startswith("1900-01-01"):
        return None
    return datetime.fromisoformat(stamp).replace(tzinfo=None)


PRICED: dict[str, Callable[[Any], object]] = {
    "price": finite, "fixed": fixed, "offer": finite, "offer_start": _day, "offer_end": _day,
}  # fmt: skip


def of_region(row: PriceRow, branch: str, region: str) -> bool:
    """Whether a row is the price of this branch and region ("" = whatever region WinThor chose)."""
    return text(row.branch) in ("", branch) and (not region or text(row.region) in ("", region))


# ---- stock ----


def stock(row: StockRow) -> StockLevel:
    """The quantity as WinThor says it, also 2.5 kg: the storefront decides what it can offer. A negative one counts as 0. Never unlimited
    (`StockRow`)."""
    key, branch = text(row.sku), text(row.branch)
    try:
        finite(row.quantity)
        return StockLevel(f"{key}@{branch}", key, branch, max(NOTHING, row.quantity or NOTHING))
    except UNREADABLE:
        return StockLevel(f"{key}@{branch}", key, branch, NOTHING, problems=unreadable(row, {"quantity": finite}))


# ---- branches and choices ----


def warehouse(row: BranchRow) -> Warehouse:
    return Warehouse(text(row.id), branch_name(row), document(text(row.document)))


def branch_name(row: BranchRow) -> str:
    return text(row.alias) or text(row.name) or text(row.id)


def region_choice(row: RegionRow) -> Choice:
    return Choice(text(row.id), text(row.description) or text(row.id), flag(row.status, True))


def plan_choice(row: PlanRow) -> Choice:
    return Choice(text(row.id), text(row.description) or text(row.id), flag(row.active, True))


def billing_choice(row: BillingRow) -> Choice:
    return Choice(text(row.id), text(row.name) or text(row.id))


def serves(branch: object, branches: tuple[str, ...]) -> bool:
    """Whether a plan or billing code of this branch (99 or none: of all) can be used by one of ours."""
    return text(branch) in ("", ALL_BRANCHES, *branches)
