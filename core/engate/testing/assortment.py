"""Brazilian wholesale goods in any number, the same on every machine: what an ERP's sandbox sells where people try engate.

Tests that need a few plain goods take those of `engate.testing.goods`.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from stdnum.br import cnpj

from engate.testing.facts import Seed, SeedBranch, SeedBrand, SeedCategory, SeedProduct, SeedSku
from engate.testing.goods import gtin

BRANCHES = (
    SeedBranch("1", "Matriz São Paulo", "11222333" + "0001" + cnpj.calc_check_digits("112223330001"), "São Paulo", "SP"),
    SeedBranch("2", "Filial Campinas", "11222333" + "0002" + cnpj.calc_check_digits("112223330002"), "Campinas", "SP"),
)
CENT = Decimal("0.01")
MAIN, SECOND = (branch.key for branch in BRANCHES)
PACKAGINGS = (("UN", 1), ("DZ", 12), ("CX", 24))


class Line(NamedTuple):
    """One kind of goods. `sizes`: name, kilograms and price of one unit."""

    department: str
    section: str
    category: str
    name: str
    brands: tuple[str, ...]
    sizes: tuple[tuple[str, str, str], ...]


_FOOD = ("Boa Mesa", "Serra Dourada", "Dona Cida")
_DRINK = ("Rio Claro", "Fonte Alta", "Brisa do Sul")
_CLEAN = ("Limpa Fácil", "Brilho Azul")
_CARE = ("Flor de Lótus", "Vita Pele")
_PAPER = ("Papelar", "Folha Nova")
_PET = ("Bicho Feliz", "Quatro Patas")
LINES = (
    Line("Mercearia", "Grãos", "Arroz", "Arroz agulhinha tipo 1", _FOOD, (("1 kg", "1.02", "5.49"), ("5 kg", "5.05", "24.90"))),
    Line("Mercearia", "Grãos", "Feijão", "Feijão carioca", _FOOD, (("1 kg", "1.02", "7.89"), ("2 kg", "2.03", "15.20"))),
    Line("Mercearia", "Grãos", "Feijão", "Feijão preto", _FOOD[:2], (("1 kg", "1.02", "8.35"),)),
    Line("Mercearia", "Massas", "Macarrão", "Macarrão espaguete", _FOOD, (("500 g", "0.51", "3.79"), ("1 kg", "1.02", "6.99"))),
    Line("Mercearia", "Massas", "Macarrão", "Macarrão parafuso", _FOOD[1:], (("500 g", "0.51", "3.99"),)),
    Line("Mercearia", "Óleos", "Óleo de soja", "Óleo de soja", _FOOD[:2], (("900 ml", "0.95", "6.79"),)),
    Line("Mercearia", "Açúcar e sal", "Açúcar", "Açúcar refinado", _FOOD, (("1 kg", "1.01", "4.59"), ("5 kg", "5.03", "21.90"))),
    Line("Mercearia", "Açúcar e sal", "Sal", "Sal refinado iodado", _FOOD[:2], (("1 kg", "1.01", "2.19"),)),
    Line("Mercearia", "Matinais", "Café", "Café torrado e moído", _FOOD, (("250 g", "0.27", "9.98"), ("500 g", "0.53", "18.75"))),
    Line("Mercearia", "Matinais", "Achocolatado", "Achocolatado em pó", _FOOD[:2], (("400 g", "0.44", "7.49"),)),
    Line("Mercearia", "Enlatados", "Milho e ervilha", "Milho verde em conserva", _FOOD[1:], (("170 g", "0.28", "3.29"),)),
    Line("Mercearia", "Enlatados", "Molho de tomate", "Molho de tomate tradicional", _FOOD, (("300 g", "0.33", "2.49"),)),
    Line("Bebidas", "Não alcoólicas", "Água", "Água mineral sem gás", _DRINK, (("500 ml", "0.52", "1.39"), ("1,5 l", "1.55", "2.79"))),
    Line("Bebidas", "Não alcoólicas", "Refrigerante", "Refri de guaraná", _DRINK, (("350 ml", "0.37", "2.89"), ("2 l", "2.06", "7.49"))),
    Line("Bebidas", "Não alcoólicas", "Suco", "Suco de uva integral", _DRINK[:2], (("1 l", "1.30", "14.90"),)),
    Line("Bebidas", "Não alcoólicas", "Suco", "Néctar de laranja", _DRINK[1:], (("1 l", "1.06", "6.59"),)),
    Line("Limpeza", "Roupas", "Sabão em pó", "Sabão em pó", _CLEAN, (("800 g", "0.86", "9.90"), ("1,6 kg", "1.68", "18.90"))),
    Line("Limpeza", "Roupas", "Amaciante", "Amaciante de roupas", _CLEAN, (("2 l", "2.10", "11.49"),)),
    Line("Limpeza", "Cozinha", "Detergente", "Detergente neutro", _CLEAN, (("500 ml", "0.54", "2.39"),)),
    Line("Limpeza", "Cozinha", "Esponja", "Esponja multiuso", _CLEAN, (("4 un", "0.06", "4.99"),)),
    Line("Limpeza", "Casa", "Desinfetante", "Desinfetante lavanda", _CLEAN, (("500 ml", "0.55", "3.49"), ("2 l", "2.12", "9.79"))),
    Line("Limpeza", "Casa", "Água sanitária", "Água sanitária", _CLEAN, (("1 l", "1.06", "3.19"), ("5 l", "5.20", "13.90"))),
    Line("Higiene", "Banho", "Sabonete", "Sabonete em barra", _CARE, (("85 g", "0.09", "2.29"),)),
    Line("Higiene", "Banho", "Xampu", "Xampu uso diário", _CARE, (("325 ml", "0.37", "12.90"),)),
    Line("Higiene", "Boca", "Creme dental", "Creme dental menta", _CARE, (("90 g", "0.12", "3.99"),)),
    Line("Higiene", "Papéis", "Papel higiênico", "Papel higiênico", _PAPER, (("4 rolos", "0.42", "6.49"), ("12 rolos", "1.25", "17.90"))),
    Line("Descartáveis", "Mesa", "Copos", "Copo descartável 200 ml", _PAPER, (("100 un", "0.24", "6.90"),)),
    Line("Descartáveis", "Mesa", "Guardanapos", "Guardanapo de papel", _PAPER, (("50 un", "0.07", "2.59"),)),
    Line("Descartáveis", "Embalagens", "Sacos de lixo", "Saco de lixo", _PAPER, (("50 l", "0.32", "8.90"), ("100 l", "0.58", "14.90"))),
    Line("Pet shop", "Cães", "Ração para cães", "Ração para cães adultos", _PET, (("1 kg", "1.03", "16.90"), ("15 kg", "15.20", "149.90"))),
    Line("Pet shop", "Gatos", "Ração para gatos", "Ração para gatos castrados", _PET, (("1 kg", "1.03", "24.90"),)),
    Line("Pet shop", "Gatos", "Areia", "Areia higiênica", _PET, (("4 kg", "4.05", "12.90"),)),
)  # fmt: skip

# In every nth product something is missing in the ERP; every second one without a category has no weight either.
NO_CATEGORY, NO_BRAND, NO_WEIGHT = 29, 43, 61
OFFER, ELSEWHERE = 10, 9  # every 10th product is on offer; every 9th is stocked in the second branch alone


def assortment(skus: int) -> Seed:
    """A seed of at least so many SKUs, rounded up to whole products. Keys are digits; those of categories are unique over all levels.
    A product has one to three packagings of 1, 12 and 24 units (UN, DZ, CX), each with a GTIN, a price and stock of its own: where an ERP
    keeps one balance a product, that of the smallest one is the product's. Of two branches, every 9th product is in the second alone; every
    10th has a `list_price`. Every 29th lacks its category (every 58th its weight too), every 43rd its brand, every 61st its weight.
    """
    categories, codes = _tree()
    brands = {name: str(nth) for nth, name in enumerate(sorted({brand for line in LINES for brand in line.brands}), 1)}
    products: list[SeedProduct] = []
    count = 0
    for nth, variant in enumerate(_variants(), 1):
        if count >= skus:
            break
        product = _product(nth, variant, codes, brands)
        products.append(product)
        count += len(product.skus)
    return Seed(BRANCHES, categories, tuple(SeedBrand(key, name) for name, key in brands.items()), tuple(products))


def _tree() -> tuple[tuple[SeedCategory, ...], dict[tuple[str, ...], str]]:
    """Departments, sections and categories of the lines, and the key of each by its path."""
    found: list[SeedCategory] = []
    codes: dict[tuple[str, ...], str] = {}
    for line in LINES:
        path = (line.department, line.section, line.category)
        for depth, level in enumerate(("department", "section", "category"), 1):
            if path[:depth] not in codes:
                codes[path[:depth]] = str(len(codes) + 1)
                found.append(SeedCategory(codes[path[:depth]], path[depth - 1], level, codes.get(path[: depth - 1])))
    return tuple(found), codes


class Variant(NamedTuple):
    """One product of a line. `size`: measure, weight and price."""

    line: Line
    brand: str
    size: tuple[str, str, str]


def _variants() -> Iterator[Variant]:
    """Every line once, then the next brand or size of each: a small catalogue has a bit of everything. Then private labels, without end."""
    most = max(len(line.brands) * len(line.sizes) for line in LINES)
    turn = 0
    while True:
        for line in LINES:
            size = line.sizes[turn % len(line.sizes)]
            brand = turn // len(line.sizes)
            if brand < len(line.brands):
                yield Variant(line, line.brands[brand], size)
            elif turn >= most:
                edition = (f"{size[0]} lote {turn - most + 1}", size[1], size[2])
                yield Variant(line, line.brands[turn % len(line.brands)], edition)
        turn += 1


def _product(nth: int, variant: Variant, codes: dict[tuple[str, ...], str], brands: dict[str, str]) -> SeedProduct:
    line, brand, (measure, weight, price) = variant
    key = str(10_000 + nth)
    packagings = 1 + nth * 5 % 3
    units = 900 + nth * 137 % 700
    side = Decimal(8 + nth % 20)
    return SeedProduct(
        key=key,
        name=f"{line.name} {brand} {measure}",
        description=f"{line.name} da marca {brand}, {measure}. {line.category} para revenda e consumo, código {key}.",
        department=codes[line.department,],
        section=codes[line.department, line.section],
        category=None if nth % NO_CATEGORY == 0 else codes[line.department, line.section, line.category],
        brand=None if nth % NO_BRAND == 0 else brands[brand],
        weight_kg=Decimal(0) if nth % NO_WEIGHT == 0 or nth % (2 * NO_CATEGORY) == 0 else Decimal(weight),
        height_cm=side,
        width_cm=side + 4,
        length_cm=side + 9,
        skus=tuple(_sku(nth, place, Decimal(price), units) for place in range(packagings)),
    )


def _sku(nth: int, place: int, price: Decimal, units: int) -> SeedSku:
    """One of a product's packagings; larger ones are cheaper by the unit."""
    name, each = PACKAGINGS[place]
    asked = (price * each * (100 - 4 * place) / 100).quantize(CENT)
    free = units // each
    return SeedSku(
        code=str(500_000 + nth * 10 + place),
        ean=gtin(100_000_000 + nth * 10 + place),
        packaging=name,
        units=each,
        price=asked,
        stock={MAIN: 0, SECOND: free} if nth % ELSEWHERE == 0 else {MAIN: free, SECOND: free // 3},
        list_price=(asked * Decimal("1.15")).quantize(CENT) if nth % OFFER == 0 else None,
    )
