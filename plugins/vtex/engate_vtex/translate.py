"""Between the model and VTEX's catalogue, pricing and logistics bodies. Pure: no I/O, and every refusal is a `Rejected` with its remedy.

Units on VTEX's side: weight in whole grams (despite `PackagedWeightKg`), sizes in centimetres, prices as decimal numbers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, TypeVar

from engate import Rejected, Text
from engate.model import Brand, Category, Image, Item, Price, Product, Sku, StockLevel, whole_units

T = TypeVar("T")
Body = dict[str, Any]

PRODUCT_NAME, PRODUCT_REF = 150, 100
SKU_NAME, SKU_REF = 200, 50
IMAGE_ENDINGS = (".jpg", ".png", ".gif")


# ---- names, references, keys ----


def trimmed(name: str) -> str:
    """Without outer spaces: to VTEX "Nike " is another brand than "Nike", and a reference with a space answers 400."""
    return name.strip()


def same_name(name: str) -> str:
    """A name in the form by which names are compared."""
    return " ".join(name.split()).casefold()


def name_within(name: str, limit: int, thing: str, key: str) -> str:
    """The trimmed name; too long is refused, because a name that is cut silently may sell the wrong thing. `thing`: "product" or "sku"."""
    name = trimmed(name)
    pt, screen = {"product": ("produto", "produto"), "sku": ("SKU", "embalagem")}[thing]
    if not name:
        raise Rejected(
            Text(f"O {pt} {key} está sem nome.", f"The {thing} {key} has no name."),
            Text(f"Preencha a descrição no cadastro de {screen} do ERP.", f"Fill in the description in the ERP's {thing} record."),
            code=f"{thing}.name",
        )
    if len(name) > limit:
        raise Rejected(
            Text(
                f"O nome do {pt} {key} tem {len(name)} caracteres; a VTEX aceita {limit}.",
                f"The name of {thing} {key} has {len(name)} characters; VTEX takes {limit}.",
            ),
            Text(f"Encurte a descrição no cadastro de {screen} do ERP.", f"Shorten the description in the ERP's {thing} record."),
            code=f"{thing}.name",
        )
    return name


def reference_within(key: str, limit: int, thing: str) -> str:
    """The ERP's key as VTEX's reference code; one that does not fit whole would never be found again."""
    ref = trimmed(key)
    if not ref or len(ref) > limit:
        raise Rejected(
            Text(
                f"O código {key!r} não cabe no código de referência da VTEX ({limit} caracteres).",
                f"The key {key!r} does not fit VTEX's reference code ({limit} characters).",
            ),
            Text("Corrija o código no ERP.", "Correct the key in the ERP."),
            code=f"{thing}.reference",
        )
    return ref


def slug(text: str) -> str:
    """Lower-case letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


def numeric(key: str) -> int:
    """A VTEX id as its APIs want it: a number without leading zeros."""
    return int(key)


def linked(item: Item[Any], ref: str, pt: str, en: str) -> str:
    """The storefront key of what the item refers to; without it the item cannot go."""
    key = item.refs.get(ref)
    if not key:
        raise Rejected(
            Text(f"{item.key}: falta o vínculo com {pt} na VTEX.", f"{item.key}: the link to its {en} in VTEX is missing."),
            Text(f"Ligue {pt} em 'Ligações' da integração e reenvie.", f"Link the {en} in the integration's 'Links', then retry."),
            code=f"{ref}.unlinked",
        )
    return key


# ---- read, modify, write ----


def to_write(item: Item[T], owned: Iterable[str]) -> set[str]:
    """Which of the ERP's fields this push writes into something that exists.

    Known what VTEX accepted last: the fields that changed, or all of them where none did (a resend, a changed mapping). After an unknown
    outcome, and in what engate made but could not finish: all. At the first link to something that the shop had before us: nothing but a
    switch-off, so that its own texts survive.
    """
    want, have = item.want, item.have
    fields = set(owned) - item.kept
    if have is not None:
        return {name for name in fields if getattr(want, name) != getattr(have, name)} or fields
    if item.uncertain or item.unfinished:
        return fields
    return {"active"} & fields if not getattr(want, "active", True) else set()


def writable(body: Mapping[str, Any]) -> Body:
    """What was read, in a form that a PUT takes: it wipes fields that it does not carry, and takes no null for a number."""
    return {name: value for name, value in body.items() if name != "Id" and value is not None}


def differs(body: Mapping[str, Any], changes: Mapping[str, Any]) -> bool:
    return any(body.get(name) != value for name, value in changes.items())


# ---- categories and brands ----

CATEGORY_OWNED = ("name", "parent", "active")
BRAND_OWNED = ("name", "active")


def category_body(want: Category, parent: str | None) -> Body:
    """Everything the creation of a category demands; title and keywords are the name until somebody enriches them."""
    name = name_of(want)
    return {
        "Name": name,
        "Keywords": name,
        "Title": name,
        "Description": name,
        "AdWordsRemarketingCode": None,
        "LomadeeCampaignCode": None,
        "FatherCategoryId": numeric(parent) if parent else None,
        "GlobalCategoryId": 0,
        "ShowInStoreFront": True,
        "IsActive": want.active,
        "ActiveStoreFrontLink": True,
        "ShowBrandFilter": True,
        "Score": None,
        "StockKeepingUnitSelectionMode": "SPECIFICATION",
    }


def category_update(body: Mapping[str, Any], want: Category, fields: set[str]) -> Body:
    """The category as read, with the ERP's changed fields: the PUT demands every field, some of which VTEX itself reads back as null."""
    changed = renamed(body, name_of(want), ("Title", "Keywords", "Description")) if "name" in fields else {}
    if "active" in fields:
        changed["IsActive"] = want.active
    template = category_body(want, None)
    whole = {name: default if body.get(name) is None else body[name] for name, default in template.items()}
    return {**whole, "FatherCategoryId": body.get("FatherCategoryId"), "Score": body.get("Score") or 0, **changed}


def brand_body(want: Brand, number: int) -> Body:
    """VTEX's schema demands an `Id` for a brand (not for anything else): the next free one."""
    name = name_of(want)
    return {"Id": number, "Name": name, "Text": name, "Keywords": name, "SiteTitle": name, "Active": want.active}


def brand_update(body: Mapping[str, Any], want: Brand, fields: set[str]) -> Body:
    changed = renamed(body, name_of(want), ("Text", "Keywords", "SiteTitle")) if "name" in fields else {}
    if "active" in fields:
        changed["Active"] = want.active
    return {**writable(body), "Id": body["Id"], **changed}


def name_of(want: Category | Brand) -> str:
    name = trimmed(want.name)
    if not name:
        pt, en = ("A categoria", "The category") if isinstance(want, Category) else ("A marca", "The brand")
        raise Rejected(
            Text(f"{pt} {want.key} está sem nome.", f"{en} {want.key} has no name."),
            Text("Preencha o nome no cadastro do ERP.", "Fill in the name in the ERP."),
            code="category.name" if isinstance(want, Category) else "brand.name",
        )
    return name


def renamed(body: Mapping[str, Any], name: str, followers: Iterable[str]) -> Body:
    """The new name, also for those texts that were a copy of the old one. What somebody has rewritten stays."""
    return {"Name": name, **{text: name for text in followers if (body.get(text) or body.get("Name")) == body.get("Name")}}


# ---- products ----

PRODUCT_OWNED = ("name", "description", "category", "brand", "active", "show_without_stock")


def product_body(want: Product, category: str, brand: str) -> Body:
    """A new product. The reference in the link keeps two products of one name apart, whose generated links would collide."""
    name = name_within(want.name, PRODUCT_NAME, "product", want.key)
    ref = reference_within(want.key, PRODUCT_REF, "product")
    return {
        "Name": name,
        "CategoryId": numeric(category),
        "BrandId": numeric(brand),
        "RefId": ref,
        "LinkId": slug(f"{name} {ref}"),
        "Title": name,
        "Description": want.description,
        "IsVisible": True,
        "IsActive": want.active,
        "ShowWithoutStock": want.show_without_stock,
    }


def product_update(body: Mapping[str, Any], want: Product, category: str, brand: str, fields: set[str]) -> Body:
    """Only the changes. A new category brings its own department, which VTEX derives."""
    new = product_body(want, category, brand)
    changed = renamed(body, new["Name"], ("Title",)) if "name" in fields else {}
    for field, vtex in (
        ("description", "Description"),
        ("category", "CategoryId"),
        ("brand", "BrandId"),
        ("active", "IsActive"),
        ("show_without_stock", "ShowWithoutStock"),
    ):
        if field in fields:
            changed[vtex] = new[vtex]
    return changed


def product_whole(body: Mapping[str, Any], changes: Mapping[str, Any]) -> Body:
    """The whole product to PUT: as read, with the changes."""
    whole = writable(body)
    if "CategoryId" in changes and changes["CategoryId"] != whole.get("CategoryId"):
        whole.pop("DepartmentId", None)
    return {**whole, **changes}


# ---- SKUs ----

SKU_OWNED = ("name", "weight_kg", "height_cm", "width_cm", "length_cm", "active")


def grams(want: Sku) -> int:
    """Kilograms as whole grams, at least one; no weight at all is refused, because freight would be computed for nothing."""
    if want.weight_kg <= 0:
        raise Rejected(
            Text(f"O SKU {want.key} ({want.name}) está sem peso.", f"The SKU {want.key} ({want.name}) has no weight."),
            Text("Preencha o peso bruto no cadastro da embalagem no ERP.", "Fill in the gross weight in the ERP's packaging record."),
            code="sku.weight",
        )
    return max(1, int((want.weight_kg * 1000).quantize(Decimal(1), ROUND_HALF_UP)))


def sku_reference(want: Sku) -> str:
    return reference_within(want.key, SKU_REF, "sku")


def sku_body(want: Sku, product: str) -> Body:
    """A new SKU: VTEX refuses an active one, and activates it by itself once an image is there."""
    return {
        "ProductId": numeric(product),
        "IsActive": False,
        "ActivateIfPossible": want.active,
        "Name": name_within(want.name, SKU_NAME, "sku", want.key),
        "RefId": sku_reference(want),
        "PackagedHeight": float(want.height_cm),
        "PackagedLength": float(want.length_cm),
        "PackagedWidth": float(want.width_cm),
        "PackagedWeightKg": grams(want),
    }


def sku_update(body: Mapping[str, Any], want: Sku, fields: set[str], *, reactivate: bool = False) -> Body:
    """Only the changes. `reactivate`: the ERP switched it back on, so it is activated outright instead of at its next image."""
    new = sku_body(want, str(body["ProductId"]))
    changed: Body = {}
    for field, vtex in (
        ("name", "Name"),
        ("weight_kg", "PackagedWeightKg"),
        ("height_cm", "PackagedHeight"),
        ("width_cm", "PackagedWidth"),
        ("length_cm", "PackagedLength"),
    ):
        if field in fields:
            changed[vtex] = new[vtex]
    if "active" in fields:
        changed["ActivateIfPossible"] = want.active
        changed["IsActive"] = want.active and (bool(body.get("IsActive")) or reactivate)
    return changed


def sku_whole(body: Mapping[str, Any], changes: Mapping[str, Any]) -> Body:
    """The whole SKU to PUT. IsActive always goes: a PUT without it switches the SKU off."""
    return {**writable(body), "IsActive": bool(body.get("IsActive")), **changes}


# ---- images ----


def image_tag(want: Image) -> str:
    """The ending of every file name of ours, by which the file is recognised among the SKU's."""
    return "-" + slug(want.key)


def image_body(want: Image, *, main: bool | None = None) -> Body:
    """VTEX fetches the URL. It refuses one with an ending that it does not know, without saying why."""
    url = want.url.strip()
    if not url.lower().startswith(("http://", "https://")) or not url.lower().endswith(IMAGE_ENDINGS):
        raise Rejected(
            Text(f"O endereço da imagem de {want.sku} não serve: {url}", f"The image address of {want.sku} does not fit: {url}"),
            Text(
                "Use um endereço http(s) público que termine em .jpg, .png ou .gif.",
                "Use a public http(s) address that ends in .jpg, .png or .gif.",
            ),
            code="image.url",
        )
    label = trimmed(want.name) or want.sku
    return {
        "IsMain": want.main if main is None else main,
        "Label": "",
        "Name": slug(label) + image_tag(want),
        "Text": label,
        "Url": url,
        "Position": want.position,
    }


def our_file(files: Iterable[Mapping[str, Any]], want: Image) -> str | None:
    """The id of the file an earlier attempt of ours has made, if it is there."""
    tag = image_tag(want)
    return next((str(file["Id"]) for file in files if str(file.get("Name") or "").endswith(tag)), None)


def shop_file(files: Iterable[Mapping[str, Any]], want: Image) -> str | None:
    """The id of the shop's own file in the same place."""
    return next((str(file["Id"]) for file in files if (want.main and file.get("IsMain")) or file.get("Position") == want.position), None)


# ---- prices and stock ----


def amount(value: Decimal) -> float:
    """A price as the JSON number VTEX takes."""
    return float(value)


def positive(want: Price) -> Price:
    if want.base <= 0:
        raise Rejected(
            Text(
                f"O preço do SKU {want.sku} é {want.base}: a VTEX venderia de graça.",
                f"The price of SKU {want.sku} is {want.base}: VTEX would give it away.",
            ),
            Text("Corrija o preço na tabela de preços do ERP.", "Correct the price in the ERP's price table."),
            code="price.value",
        )
    return want


def price_body(item: Item[Price], old: Mapping[str, Any] | None) -> Body:
    """The base price, for a PUT that replaces everything: the fixed prices the SKU has go back with it, or VTEX deletes them.

    VTEX takes exactly two of basePrice, costPrice and markup, or basePrice alone. The cost that stands there goes back too; where there
    is none, the base goes alone (VTEX derives the rest): an invented cost would be a false markup.
    A list price of the shop's own stays unless the ERP has given or withdrawn one.
    """
    want, old = positive(item.want), old or {}
    body: Body = {"basePrice": amount(want.base)}
    if old.get("costPrice") is not None:
        body["costPrice"] = old["costPrice"]
    if want.list_price is not None:
        body["listPrice"] = amount(want.list_price)
    elif old.get("listPrice") is not None and not (item.have is not None and item.have.list_price is not None):
        body["listPrice"] = old["listPrice"]
    if fixed := [kept_fixed(entry) for entry in old.get("fixedPrices") or ()]:
        body["fixedPrices"] = fixed
    return body


def kept_fixed(entry: Mapping[str, Any]) -> Body:
    """A fixed price as read, as it may be sent back: the reading says null where the writing wants nothing."""
    return {name: value for name, value in entry.items() if value is not None}


def same_price(body: Mapping[str, Any], old: Mapping[str, Any] | None) -> bool:
    """Whether the PUT would change nothing."""
    return old is not None and all(old.get(name) == body.get(name) for name in ("basePrice", "listPrice"))


def fixed_price(want: Price, table: str) -> list[Body]:
    """One entry to merge into a price table: from one unit on, always."""
    want = positive(want)
    entry: Body = {"tradePolicyId": table, "value": amount(want.base), "minQuantity": 1}
    if want.list_price is not None:
        entry["listPrice"] = amount(want.list_price)
    return [entry]


def stock_body(want: StockLevel) -> Body:
    """The absolute total, in whole units: a part of one is not for sale. Unlimited only where the record says so: it sells without end.
    Both always go: an absent one counts as 0."""
    return {"quantity": max(0, whole_units(want.quantity)), "unlimitedQuantity": want.unlimited}
