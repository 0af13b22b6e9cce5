"""The catalogue of a demo. `goods` generates one; `dataset` reads one from files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from stdnum.br import cnpj

from engate.testing.facts import Buyer, Sale, Seed

PRODUCTS_PER_SEED = 2_000


class Listed(NamedTuple):
    """A SKU as the ERP knows it once it is seeded: its key, and what it costs."""

    key: str
    price: Decimal


Skus = Mapping[str, Listed]
"""By EAN, which every generated SKU has: the ERP makes its own keys."""


@dataclass(frozen=True)
class Catalog:
    """`sales(how many, SKUs of the ERP that can be sold, now)` answers orders numbered from 1. `notes`: lines worth telling."""

    seed: Seed
    sales: Callable[[int, Skus, datetime], list[Sale]]
    notes: tuple[str, ...] = ()

    def chunks(self) -> Iterator[Seed]:
        """The seed in requests of a size that a server takes."""
        yield Seed(self.seed.branches, self.seed.categories, self.seed.brands)
        products = self.seed.products
        for start in range(0, len(products), PRODUCTS_PER_SEED):
            yield Seed(products=products[start : start + PRODUCTS_PER_SEED])


def valid_cpf(number: int) -> str:
    """Each check digit is modulo 11 over all digits before it, weights from 2 upwards from the right."""
    digits = f"{number % 1_000_000_000:09d}"
    for _ in range(2):
        rest = sum(int(digit) * weight for weight, digit in enumerate(reversed(digits), 2)) * 10 % 11
        digits += str(rest % 10)
    return digits


def valid_cnpj(number: int) -> str:
    body = f"{number % 100_000_000:08d}0001"
    return body + cnpj.calc_check_digits(body)


_FIRST = (
    "Ana", "Bruno", "Carla", "Daniel", "Eduarda", "Fábio", "Gabriela", "Heitor", "Isabel", "João", "Karina", "Luís", "Márcia", "Nélson",
    "Olívia", "Paulo", "Quitéria", "Rafael", "Sônia", "Tiago", "Úrsula", "Vítor", "Wanda", "Yara", "Zeca",
)  # fmt: skip
_LAST = (
    "Almeida", "Barbosa", "Cardoso", "Dias", "Esteves", "Ferreira", "Gonçalves", "Henriques", "Izidoro", "Junqueira", "Lacerda", "Moraes",
    "Nogueira", "Oliveira", "Pereira", "Queiroz", "Ribeiro", "Souza", "Tavares", "Vasconcelos", "Xavier",
)  # fmt: skip
_STREETS = ("Rua das Acácias", "Avenida Brasil", "Rua Quinze de Novembro", "Rua São José", "Avenida do Comércio")


def buyer(number: int, city: str, state: str, zip_code: str, *, company: bool = False) -> Buyer:
    """The same buyer for the same number, on every machine. Numbers are spread, so that documents do not look like a sequence."""
    first, last = _FIRST[number * 7 % len(_FIRST)], _LAST[number * 11 % len(_LAST)]
    return Buyer(
        name=f"Mercado {last} Ltda" if company else f"{first} {last}",
        document=valid_cnpj(20_000_000 + number * 7_919) if company else valid_cpf(100_000_000 + number * 7_919),
        email=f"cliente{number}@example.com",
        phone=f"119{number * 7_907 % 100_000_000:08d}",
        street=_STREETS[number % len(_STREETS)],
        number=str(1 + number * 37 % 2_500),
        district="Centro",
        city=city,
        state=state,
        zip_code=zip_code,
        complement="" if number % 3 else f"Apto {1 + number % 90}",
    )
