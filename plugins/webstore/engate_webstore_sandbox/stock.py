"""The address of the stock webhook (Olist FACTS section 4.A): levels by the store's own product id, of what the store has."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import msgspec

from engate.shapes import is_object
from engate.testing.sandbox import Answer, Call, LedgerCounts, Refused
from engate_webstore_sandbox.exchanges import Exchange, Exchanges, shown
from engate_webstore_sandbox.goods import Goods
from engate_webstore_sandbox.settings import Settings

KEY = "k7-stock-of-48231"
"""Support hands the address out; who has it is believed."""
PATH = "/webhook/{store}/{key}/estoque"
NAME = "estoque"
CNPJ = re.compile(r"[0-9A-Z]{14}")
ID = re.compile(r"[0-9]{1,12}")
ENVELOPE = {"cnpj": str, "idEcommerce": (int, str), "tipo": str, "versao": str, "dados": dict}
DATA = {"tipoEstoque": str, "saldo": (int, float), "idProduto": (int, str), "sku": str, "skuMapeamento": str, "skuMapeamentoPai": str}


class Ledgers(NamedTuple):
    counts: Callable[[], LedgerCounts]
    exchanges: Exchanges


class Stock:
    def __init__(self, goods: Goods, settings: Callable[[], Settings], ledgers: Ledgers, now: Callable[[], datetime]) -> None:
        self.goods, self.settings, self.ledgers, self.now = goods, settings, ledgers, now
        self.answers: list[str] = []  # what the next ones are answered, whatever they say

    def probe(self, call: Call) -> Answer:
        """The panel of the ERP tries an address before it takes it: GET, HEAD or an empty POST."""
        del call
        return Answer(200, {"status": "OK"}, wrote=False)

    def take(self, call: Call) -> Answer:
        if not call.body:
            return self.probe(call)
        try:
            answer, verdict = self._taken(call), "ok"
        except Refused as refused:
            answer, verdict = echoed(call, refused.answer, self.settings()), "refused"
        self._note(call, answer, verdict)
        return answer

    def _taken(self, call: Call) -> Answer:
        if self.answers:
            self._told_to(self.answers.pop(0))
        doc = _read(call)
        data = doc["dados"]
        settings = self.settings()
        if settings.cnpj and doc["cnpj"] != settings.cnpj:
            raise _refuse(403, "cnpj")
        if settings.ecommerce and str(doc["idEcommerce"]) != str(settings.ecommerce):
            raise _refuse(403, "idEcommerce")
        self._keep(data, settings.unmapped)
        return Answer(200, settings.stock_says)

    def _told_to(self, word: str) -> None:
        if word == "error":
            raise Refused(Answer(200, {"status": "Erro", "error": "Não foi possível atualizar o estoque."}, wrote=False))
        raise _refuse(int(word), "told to")

    def _keep(self, data: dict[str, Any], unmapped: int) -> None:
        mapped, parent = data["skuMapeamento"], data["skuMapeamentoPai"]
        found = self.goods.article(int(mapped)) if ID.fullmatch(mapped) else None
        effects = self.ledgers.counts().effects
        if found is None:
            effects["webhooks_unmapped"] += 1
            raise _refuse(unmapped, f"no product {mapped}")
        product, article = found
        if parent != (str(product.id) if product.varied else ""):
            effects["webhooks_unmapped"] += 1
            raise _refuse(unmapped, f"{mapped} is no variation of {parent}" if parent else f"{mapped} is a variation of {product.id}")
        article.level = Decimal(str(data["saldo"]))
        effects["webhooks_taken"] += 1

    def _note(self, call: Call, answer: Answer, verdict: str) -> None:
        found = re.search(rb'"skuMapeamento":\s*"([^"]*)"', call.body)
        said = answer.body if isinstance(answer.body, bytes) else msgspec.json.encode(answer.body)
        self.ledgers.exchanges.note(Exchange(
            self.now(), NAME, found[1].decode("utf-8", "replace") if found else "", verdict, "in", answer.status,
            sent=shown(call.body, self.settings().token), said=shown(said, self.settings().token),
        ))  # fmt: skip


def echoed(call: Call, answer: Answer, settings: Settings) -> Answer:
    """With the address that was called, as it came, and as a reader of its parts writes it."""
    if not settings.echoes:
        return answer
    asked = f"{call.path}?{urlencode(call.query)}"
    return answer._replace(body={"error": f"Cannot {call.method} {asked} ({quote(asked, safe='')})", **dict(call.query)})


def fault_key(call: Call) -> str:
    """What it is about, so that each product's is hit by itself."""
    try:
        return str(call.json()["dados"]["skuMapeamento"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return call.path


def _read(call: Call) -> dict[str, Any]:
    try:
        doc = call.json()
    except msgspec.DecodeError as error:
        raise _refuse(400, f"no JSON: {error}") from error
    _shape(doc, ENVELOPE)
    if doc["tipo"] != NAME:
        raise _refuse(400, f"tipo {doc['tipo']}")
    if not doc["versao"].startswith("1."):
        raise _refuse(400, f"versao {doc['versao']}")
    if not CNPJ.fullmatch(doc["cnpj"]):
        raise _refuse(400, "cnpj")
    _shape(doc["dados"], DATA)
    if doc["dados"]["tipoEstoque"] not in ("F", "D"):
        raise _refuse(400, f"tipoEstoque {doc['dados']['tipoEstoque']}")
    return doc


def _shape(doc: Any, fields: dict[str, Any]) -> None:
    if not is_object(doc):
        raise _refuse(400, "an object was expected")
    for name, kinds in fields.items():
        if not isinstance(doc.get(name), kinds) or isinstance(doc.get(name), bool):
            raise _refuse(400, f"{name}: {doc.get(name)!r}")


def _refuse(status: int, why: str) -> Refused:
    return Refused(Answer(status, {"error": why}, wrote=False))
