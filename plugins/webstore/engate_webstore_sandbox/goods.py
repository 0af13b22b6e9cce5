"""The store's own catalogue: products under ids of the store, found again by the ERP's id, else by their code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from engate.shapes import is_array, is_object
from engate_webstore_sandbox.envelope import listed, number, text

MOST = {"nome": 120, "codigo": 30, "unidade": 3, "gtin": 14}
NUMBERS = (
    "preco", "preco_promocional", "peso_liquido", "peso_bruto", "alturaEmbalagem", "larguraEmbalagem", "comprimentoEmbalagem",
    "dias_preparacao",
)  # fmt: skip
TEXTS = ("codigo", "nome", "unidade", "gtin", "ncm", "situacao", "descricao_complementar", "marca", "categoria", "garantia", "cest")
OWN = frozenset(("codigo", "nome", "gtin", "preco", "preco_promocional"))
"""Of an article, not of its product."""
FIRST_ID = 900_001


class Unusable(ValueError):
    """What the ERP said of a product cannot be taken: why."""


@dataclass(slots=True)
class Article:
    """What can be bought: a simple product's own, or one variation of a product. `fields`: those of `OWN` that the ERP has told."""

    id: int
    erp: str = ""  # the ERP's id
    fields: dict[str, Any] = field(default_factory=dict)
    grade: dict[str, str] = field(default_factory=dict)
    level: Decimal | None = None  # None: nobody has told yet

    @property
    def codigo(self) -> str:
        return self.fields.get("codigo") or ""

    @property
    def price(self) -> Decimal | None:
        """What a buyer pays: nothing, where the ERP says so."""
        return self.fields.get("preco_promocional") or self.fields.get("preco")


@dataclass(slots=True)
class Product:
    """`fields`: what the ERP told last, by its names; what a pull leaves out stays. `articles`: one without `grade`, or the variations."""

    id: int
    erp: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    articles: dict[int, Article] = field(default_factory=dict)

    @property
    def varied(self) -> bool:
        return bool(self.articles) and self.id not in self.articles


class Told(NamedTuple):
    """A product as the ERP has just told it. `levels`: by the ERP's id."""

    erp: str
    fields: dict[str, Any]
    articles: list[Article]
    levels: dict[str, Decimal]
    varied: bool


class Goods:
    def __init__(self) -> None:
        self.products: dict[int, Product] = {}
        self.by_erp: dict[str, Product] = {}
        self._by_id: dict[int, tuple[Product, Article]] = {}
        self._by_code: dict[str, int] = {}
        self._by_erp: dict[str, int] = {}
        self._next_id = FIRST_ID

    # ---- looking ----

    def articles(self) -> Iterator[tuple[Product, Article]]:
        yield from self._by_id.values()

    def article(self, id: int) -> tuple[Product, Article] | None:
        return self._by_id.get(id)

    def of_erp(self, erp: str) -> tuple[Product, Article] | None:
        return self._by_id.get(self._by_erp.get(erp, 0))

    def of_code(self, codigo: str) -> tuple[Product, Article] | None:
        return self._by_id.get(self._by_code.get(codigo, 0))

    # ---- what was fetched ----

    def put(self, told: Told) -> str:
        """created, updated or unchanged. All or nothing; raises Unusable."""
        product = self._home(told)
        home = product or Product(0)
        articles = [_joined(article, _held(home, article, varied=told.varied), told.levels) for article in told.articles]
        codes = [article.codigo for article in articles]
        for code in codes:
            other = self.of_code(code)
            if not code:
                raise Unusable("no codigo")
            if codes.count(code) > 1 or (other is not None and other[0] is not product):
                raise Unusable(f"the code {code} is another product's too")
        before = _snapshot(home)
        home.id = home.id or self._new_id()
        for article in articles:
            article.id = article.id or (self._new_id() if told.varied else home.id)
        home.erp, home.fields = told.erp, {**home.fields, **told.fields}
        self._index(home, articles)
        return "created" if product is None else "updated" if _snapshot(home) != before else "unchanged"

    def _home(self, told: Told) -> Product | None:
        """The product that this one is: by the ERP's id, else one that no ERP has claimed and that has one of its codes."""
        if told.erp in self.by_erp:
            return self.by_erp[told.erp]
        pairs = [self.of_code(article.codigo) for article in told.articles]
        return next((pair[0] for pair in pairs if pair is not None and not pair[0].erp), None)

    def _index(self, product: Product, articles: list[Article]) -> None:
        for article in product.articles.values():
            del self._by_id[article.id], self._by_code[article.codigo]
            self._by_erp.pop(article.erp, None)
        product.articles = {article.id: article for article in articles}
        self.products[product.id] = product
        if product.erp:
            self.by_erp[product.erp] = product
        for article in articles:
            self._by_id[article.id] = product, article
            self._by_code[article.codigo] = article.id
            if article.erp:
                self._by_erp[article.erp] = article.id

    def _new_id(self) -> int:
        given = self._next_id
        self._next_id += 1
        return given

    # ---- a store that sold before ----

    def add(self, fields: dict[str, Any], articles: list[Article]) -> Product:
        """By people of the store: no ERP knows it. Raises ValueError where a code is taken."""
        for article in articles:
            if self.of_code(article.codigo) is not None:
                raise ValueError(f"the code {article.codigo} is taken")
        product = Product(self._new_id(), fields=fields)
        for article in articles:
            article.id = product.id if len(articles) == 1 else self._new_id()
        self._index(product, articles)
        return product


def _held(product: Product, told: Article, *, varied: bool) -> Article | None:
    """The article that this one is. A product that becomes varied, or stops being so, sells others than before."""
    if product.varied != varied:
        return None
    for one in product.articles.values():
        if not varied or (one.erp == told.erp if one.erp else one.codigo == told.codigo):
            return one
    return None


def _joined(told: Article, held: Article | None, levels: dict[str, Decimal]) -> Article:
    """What the ERP left out stays as it was. Without an id yet where nothing is held."""
    if held is None:
        return Article(0, told.erp, told.fields, told.grade, levels.get(told.erp))
    return Article(held.id, told.erp, {**held.fields, **told.fields}, told.grade, levels.get(told.erp, held.level))


def _snapshot(product: Product) -> tuple[Any, ...]:
    return product.erp, product.fields, {id: repr(article) for id, article in product.articles.items()}


def fields_of(doc: dict[str, Any]) -> dict[str, Any]:
    """Of `produto.obter`: what the store keeps, as it would store it. Raises Unusable."""
    found: dict[str, Any] = {}
    try:
        for name in TEXTS:
            if name in doc:
                found[name] = text(doc[name])
        for name in NUMBERS:
            if name in doc:
                found[name] = number(doc[name]) if doc[name] not in ("", None) else None
        if "anexos" in doc:
            found["anexos"] = addresses(doc["anexos"], "anexo")
        if "imagens_externas" in doc:
            found["imagens_externas"] = [text(row.get("url")) for row in listed(doc["imagens_externas"], "imagem_externa")]
        if "kit" in doc:
            found["kit"] = [(text(row.get("id_produto")), number(row.get("quantidade"))) for row in listed(doc["kit"], "item")]
    except ValueError as error:
        raise Unusable(str(error)) from error
    for name, most in MOST.items():
        if len(found.get(name, "")) > most:
            raise Unusable(f"{name} is longer than {most}")
    return found


def addresses(held: Any, inner: str) -> list[str]:
    """`anexos[].anexo`: an address each, within an object or alone."""
    rows: list[Any] = [] if held in (None, "") else held if is_array(held) else [held]
    return [text(row.get(inner) if is_object(row) else row) for row in rows]


def grade_of(held: Any) -> dict[str, str]:
    """An object {"Cor": "Azul"}, or a list of such or of {chave, valor}."""
    found: dict[str, str] = {}
    for row in listed(held):
        if set(row) == {"chave", "valor"}:
            found[text(row["chave"])] = text(row["valor"])
        else:
            found |= {name: text(value) for name, value in row.items()}
    return found
