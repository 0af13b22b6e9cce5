"""From the model to Shopify's inputs. Pure."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from engate import Rejected, Text
from engate.model import Image, Item, Price, Product, Sku, StockLevel, gtin, whole_units

T = TypeVar("T")
Body = dict[str, Any]
NAMESPACE, KEY = "engate", "erp_id"
"""The metafield by which what engate made is found again: the ERP's own key, unique in the shop."""
TITLE = 255
OPTION_VALUE = 255
IMAGES = (".jpg", ".jpeg", ".png", ".gif", ".webp")


def definition(owner: str) -> Body:
    return {"name": "engate: ERP", "namespace": NAMESPACE, "key": KEY, "type": "id", "ownerType": owner}


NOTE_FIELDS = {"nfe_key": "Chave da NF-e", "nfe_number": "Número da NF-e", "nfe_series": "Série da NF-e"}


def note_definition(field: str, suffix: str) -> Body:
    """The definition of a metafield of notes. The Admin shows no metafield without one. A pinned one stands on the order's page; the number
    of pins is limited."""
    name = f"{NOTE_FIELDS[field]} {suffix.strip('_')}".strip()
    made = {"name": name, "namespace": NAMESPACE, "key": field + suffix, "type": "single_line_text_field", "ownerType": "ORDER"}
    return {**made, "pin": not suffix}


def custom_id(key: str) -> Body:
    return {"customId": {"namespace": NAMESPACE, "key": KEY, "value": key}}


def metafield(key: str) -> Body:
    return {"namespace": NAMESPACE, "key": KEY, "type": "id", "value": key}


def to_write(item: Item[T], owned: Iterable[str]) -> set[str]:
    """Which of the ERP's fields this push writes into something that exists.

    Known what the shop accepted last: what changed, or all where nothing did. After an unknown outcome, and in what engate made: all. At
    the first link to something that the shop had before us: only a switch-off.
    """
    want, have = item.want, item.have
    fields = set(owned) - item.kept
    if have is not None:
        return {name for name in fields if getattr(want, name) != getattr(have, name)} or fields
    if item.uncertain or item.unfinished:
        return fields
    return {"active"} & fields if not getattr(want, "active", True) else set()


def linked(item: Item[Any], ref: str, pt: str, en: str) -> str:
    """The storefront key of what the item refers to; without it the item cannot go."""
    key = item.refs.get(ref)
    if not key:
        raise Rejected(
            Text(f"{item.key}: falta o vínculo com {pt} na Shopify.", f"{item.key}: the link to its {en} in Shopify is missing."),
            Text(f"Ligue {pt} em 'Ligações' da integração e reenvie.", f"Link the {en} in the integration's 'Links', then retry."),
            code=f"{ref}.unlinked",
        )
    return key


def name_within(name: str, thing: str, key: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > TITLE:
        raise Rejected(
            Text(
                f"O nome de {key} tem {len(name)} caracteres; a Shopify aceita de 1 a {TITLE}.",
                f"The name of {key} has {len(name)} characters; Shopify takes 1 to {TITLE}.",
            ),
            Text("Corrija a descrição no ERP.", "Correct the description in the ERP."),
            code=f"{thing}.name",
        )
    return name


# ---- products ----

PRODUCT_OWNED = ("name", "description", "category", "brand", "active")


def status(active: bool) -> str:
    return "ACTIVE" if active else "DRAFT"


def paragraphs(text: str) -> str:
    """Plain text of the ERP as HTML: a "<" in it is escaped."""
    return "".join(f"<p>{html.escape(line.strip(), quote=False)}</p>" for line in text.splitlines() if line.strip())


def product_fields(want: Product, refs: Mapping[str, str], fields: set[str]) -> Body:
    made: Body = {}
    if "name" in fields:
        made["title"] = name_within(want.name, "product", want.key)
    if "description" in fields:
        made["descriptionHtml"] = paragraphs(want.description)
    if "brand" in fields and refs.get("brand"):
        made["vendor"] = refs["brand"]
    if "active" in fields:
        made["status"] = status(want.active)
    if "category" in fields and refs.get("category"):
        made["collectionsToJoin"] = [refs["category"]]
    return made


def product_create(want: Product, refs: Mapping[str, str]) -> Body:
    return {**product_fields(want, refs, set(PRODUCT_OWNED)), "metafields": [metafield(want.key)]}


# ---- SKUs ----

SKU_OWNED = ("name", "ean", "weight_kg", "active", "options")


def options_of(want: Sku, option_name: str) -> tuple[tuple[str, str], ...]:
    """The options that a buyer chooses by. Shopify tells variants apart by them alone, so every SKU has at least one."""
    chosen = want.options or ((option_name, want.name),)
    if len(chosen) > 3:
        raise Rejected(
            Text(f"O SKU {want.key} tem {len(chosen)} opções; a Shopify aceita 3.", f"SKU {want.key} has {len(chosen)} options; 3 fit."),
            Text("Reduza as características da grade no ERP.", "Reduce the grid's attributes in the ERP."),
            code="sku.options",
        )
    return tuple((name.strip()[:OPTION_VALUE], " ".join(value.split())[:OPTION_VALUE] or want.key) for name, value in chosen)


def apart(options: tuple[tuple[str, str], ...], taken: Iterable[tuple[tuple[str, str], ...]], key: str) -> tuple[tuple[str, str], ...]:
    """Two SKUs with the same options would be one variant, so the second one's value carries its key."""
    folded = {_folded(other) for other in taken}
    if _folded(options) not in folded:
        return options
    *first, (name, value) = options
    return (*first, (name, f"{value[: OPTION_VALUE - len(key) - 3]} ({key})"))


def _folded(options: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name.casefold(), value.casefold()) for name, value in options)


def option_values(options: Sequence[tuple[str, str]]) -> list[Body]:
    return [{"optionName": name, "name": value} for name, value in options]


def variant_fields(want: Sku, fields: set[str]) -> Body:
    """`sku` always goes: orders are matched by it."""
    item: Body = {"sku": want.key, "tracked": True}
    if "weight_kg" in fields and want.weight_kg > 0:
        item["measurement"] = {"weight": {"value": float(want.weight_kg), "unit": "KILOGRAMS"}}
    made: Body = {"inventoryItem": item}
    if "ean" in fields and (code := gtin(want.ean)):
        made["barcode"] = code
    return made


# ---- images ----


def file_name(want: Image) -> str:
    """A file name, the same for the same image of the ERP: a second upload replaces the first."""
    digest = hashlib.sha256(want.key.encode()).hexdigest()[:16]
    return f"engate-{digest}{_ending(want)}"


def _ending(want: Image) -> str:
    ending = PurePosixPath(urlsplit(want.url.strip()).path).suffix.lower()
    return ending if ending in IMAGES else ".jpg"


def file_body(want: Image) -> Body:
    url = want.url.strip()
    if not url.lower().startswith(("http://", "https://")):
        raise Rejected(
            Text(f"O endereço da imagem de {want.sku} não serve: {url}", f"The image address of {want.sku} does not fit: {url}"),
            Text("Use um endereço http(s) público.", "Use a public http(s) address."),
            code="image.url",
        )
    alt = " ".join(want.name.split()) or want.sku
    return {
        "alt": alt[:512],
        "contentType": "IMAGE",
        "originalSource": url,
        "filename": file_name(want),
        "duplicateResolutionMode": "REPLACE",
    }


# ---- prices and stock ----


def amount(value: Decimal) -> str:
    """Money travels as a string with two places."""
    return f"{value:.2f}"


def positive(want: Price) -> Price:
    if want.base <= 0:
        raise Rejected(
            Text(
                f"O preço do SKU {want.sku} é {want.base}: a loja venderia de graça.",
                f"The price of SKU {want.sku} is {want.base}: the shop would give it away.",
            ),
            Text("Corrija o preço na tabela de preços do ERP.", "Correct the price in the ERP's price table."),
            code="price.value",
        )
    return want


def price_fields(item: Item[Price]) -> Body:
    """A struck price of the shop's own stays, unless the ERP gave or withdrew one."""
    want = positive(item.want)
    made: Body = {"price": amount(want.base)}
    if want.list_price is not None:
        made["compareAtPrice"] = amount(want.list_price)
    elif item.have is not None and item.have.list_price is not None:
        made["compareAtPrice"] = None
    return made


def same_price(variant: Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
    return all(_decimal(variant.get(name)) == _decimal(value) for name, value in fields.items())


def _decimal(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def fixed_price(item: Item[Price], variant: str, currency: str) -> Body:
    want = positive(item.want)
    made: Body = {"variantId": variant, "price": {"amount": amount(want.base), "currencyCode": currency}}
    if want.list_price is not None:
        made["compareAtPrice"] = {"amount": amount(want.list_price), "currencyCode": currency}
    return made


def units(want: StockLevel) -> int:
    if want.unlimited:
        raise Rejected(
            Text(f"O SKU {want.sku} tem estoque ilimitado no ERP.", f"SKU {want.sku} has unlimited stock in the ERP."),
            Text(
                "Desligue o controle de estoque do item no Admin da Shopify, ou dê a ele um saldo no ERP.",
                "Switch the item's tracking off in Shopify's Admin, or give it a quantity in the ERP.",
            ),
            code="stock.unlimited",
        )
    return max(0, whole_units(want.quantity))


def idempotency_key(*parts: object) -> str:
    """A key that is the same for the same decisions with the same variables, and another one for anything else."""
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:40]
