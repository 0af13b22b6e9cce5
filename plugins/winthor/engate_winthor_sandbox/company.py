"""The company around the catalogue: branches, regions, sellers, squares, billing codes, payment plans and routine 132's parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from engate.testing.facts import SeedBranch
from engate.testing.sandbox import Answer, Call
from engate_winthor_sandbox import rules
from engate_winthor_sandbox.wire import ErpTime, Page, Table, dumps, encoded, envelope, flag, page_of, paged, since_of

ALL_BRANCHES = "99"
PRICE_REGION = 1

# Routine 132: the number, and the value a fresh installation has.
DEFAULTS = {
    "2277": "P",  # which price: P padrão (routine 201), A atacado, V varejo (routine 2017)
    "2829": "100",  # % of the available stock shown to e-commerce, per branch
    "4532": "S",  # whether POST /customer/ may update
    "FIL_UTILIZAVENDAPOREMBALAGEM": "S",  # whether the branch sells by packaging at all
}


class Parameters:
    """Parameters by number and branch (None = every branch). Changing one moves no change stamp of any row."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str | None], str] = {}
        self.on_change: list[Callable[[], None]] = []

    def get(self, number: str, branch: str | None = None) -> str:
        return self._values.get((number, branch)) or self._values.get((number, None)) or DEFAULTS[number]

    def sells_by_packaging(self, branch: str | None) -> bool:
        return self.get("FIL_UTILIZAVENDAPOREMBALAGEM", branch) == "S"

    def set(self, number: str, value: str, branch: str | None = None) -> None:
        if number not in DEFAULTS:
            raise KeyError(f"parameter {number}")
        self._values[number, branch] = value
        for changed in self.on_change:
            changed()


@dataclass(slots=True)
class Branch:
    id: str
    name: str
    cnpj: str
    city: str
    state: str
    last_change: str
    raw: bytes | None = None

    def encode(self) -> bytes:
        return dumps({
            "id": self.id,
            "corporateName": self.name,
            "aliasName": self.name,
            "corporateIdentificationNumber": punctuated_document(self.cnpj),
            "city": self.city,
            "state": self.state,
            "lastChange": self.last_change,
        })  # fmt: skip


@dataclass(slots=True)
class Region:
    id: int
    branch: str
    description: str
    last_change: str
    raw: bytes | None = None

    def encode(self) -> bytes:
        return dumps({
            "regionId": self.id, "branchId": self.branch, "description": self.description, "status": "A", "lastChange": self.last_change,
        })  # fmt: skip


@dataclass(slots=True, frozen=True)
class Plan:
    """PCPLPAG. `kind`: N normal, B bonus; `terms` in days; `column` is the n of PVENDAn."""

    code: str
    description: str
    terms: tuple[int, ...]
    kind: str = "N"
    column: int = 1
    active: bool = True

    def shape(self, last_change: str) -> dict[str, object]:
        return {
            "codigo": int(self.code),
            "descricao": self.description,
            "numColunaPreco": self.column,
            "prazos": list(self.terms),
            "numeroParcelas": len(self.terms),
            "codigoFilial": ALL_BRANCHES,
            "tipoPrazo": {"sigla": self.kind},
            "percentualAcrescimo": 0,
            "prazoMedio": sum(self.terms) // len(self.terms),
            "tipoVenda": "VV" if self.terms == (0,) else "VP",
            "quantidadeMinimaPedido": 0,
            "valorMinimoPedido": 0,
            "ativo": self.active,
            "tipoRestricao": None,
            "restricoes": [],
            "dataUltimaAlteracao": last_change,
        }


@dataclass(slots=True, frozen=True)
class Charging:
    """PCCOB: a billing code and the plans it may be sold with."""

    code: str
    name: str
    plans: tuple[str, ...]

    def shape(self, plans: Iterable[str], last_change: str) -> dict[str, object]:
        return {
            "id": self.code,
            "cobranca": self.name,
            "codFilial": ALL_BRANCHES,
            "valorMinimoPedido": 0,
            "validaLimiteCredito": self.code == "BK",
            "planoPagamentos": [{"codigo": int(code)} for code in plans],
            "operadoras": [],
            "dataUltimaAlteracao": last_change,
        }


PLANS = (
    Plan("1", "A VISTA", (0,)),
    Plan("2", "30 DIAS", (30,)),
    Plan("3", "30/60/90 DIAS", (30, 60, 90)),
    Plan("4", "CARTAO EM 6 VEZES", (30, 60, 90, 120, 150, 180), column=2),
    Plan("8", "CHEQUE 45 DIAS (DESATIVADO)", (45,), active=False),
    Plan("9", "BONIFICACAO", (0,), kind="B"),
)
CHARGINGS = (
    Charging("D", "DINHEIRO", ("1",)),
    Charging("CH", "CHEQUE", ("2", "8")),
    Charging("PIX", "PIX", ("1",)),
    Charging("BK", "BOLETO BANCARIO", ("1", "2", "3")),
    Charging("CRED", "CARTAO DE CREDITO", ("1", "2", "3", "4")),
    Charging("DEB", "CARTAO DE DEBITO", ("1",)),
    Charging("VALE", "VALE COMPRA", ("1",)),
    Charging("BNF", "BONIFICACAO", ("9",)),
)
# What a storefront's payment tags are in this ERP.
PAYMENTS: dict[str, dict[str, object]] = {
    "pix": {"charge": "PIX", "terms": "1"},
    "boleto": {"charge": "BK", "terms": "2"},
    "credit_card": {"charge": "CRED", "terms": "3"},
    "debit_card": {"charge": "DEB", "terms": "1"},
    "voucher": {"charge": "VALE", "terms": "1"},
}
CARRIERS: dict[str, dict[str, object]] = {"standard": {"carrier": "501"}, "express": {"carrier": "502"}}
SELLERS = {1: "VENDAS INTERNET", 2: "VENDAS TELEFONE"}
DEFAULT_SELLER = 1  # parameter 4012
DEFAULT_ACTIVITY = 1  # parameter 4013
SQUARES = {1: PRICE_REGION}  # PCPRACA: square -> region


class Company:
    def __init__(self, time: ErpTime) -> None:
        self.time = time
        self.parameters = Parameters()
        self.branches: Table[Branch] = Table()
        self.regions: Table[Region] = Table()
        self.plans = {plan.code: plan for plan in PLANS}
        self.chargings = {charging.code: charging for charging in CHARGINGS}
        self._installed = time.stamp()
        self._seeded = False
        self._put(Branch(ALL_BRANCHES, "TODAS AS FILIAIS", "", "", "", self._installed))
        self._put(Branch("1", "MATRIZ", "11222333000181", "São Paulo", "SP", self._installed))

    def _put(self, branch: Branch) -> None:
        self.branches.put(branch.id, branch)
        if branch.id != ALL_BRANCHES:
            known = self.regions.rows.get(branch.id)
            region_id = known.id if known else PRICE_REGION + len(self.regions)
            self.regions.put(branch.id, Region(region_id, branch.id, f"REGIAO {branch.city.upper()}", branch.last_change))

    def seed(self, branches: Iterable[SeedBranch]) -> None:
        """Adds or replaces branches; the first seed takes the place of the branch an empty installation starts with."""
        stamp = self.time.stamp()
        for seeded in branches:
            if seeded.key == ALL_BRANCHES or not 1 <= len(seeded.key) <= 2:
                raise ValueError(f"branch {seeded.key!r}: PCFILIAL.CODIGO has one or two characters and 99 means all of them")
            if not self._seeded:
                self._seeded = True
                self.branches.drop("1")
                self.regions.drop("1")
            self._put(Branch(seeded.key, seeded.name, bare(seeded.cnpj), seeded.city, seeded.state, stamp))

    def branch_ids(self) -> list[str]:
        """The real branches, in the order they were registered: the first is the main one."""
        return [key for key in self.branches.rows if key != ALL_BRANCHES]

    def has_branch(self, branch: object) -> bool:
        return branch in self.branches.rows and branch != ALL_BRANCHES

    # ---- operations ----

    def list_branches(self, call: Call) -> Answer:
        """A bare array: this service pages nothing. Holds id 99, which stands for all branches."""
        since, wanted = since_of(call.query), call.query.get("id")
        rows = self.branches.select("all", None, since)
        return Answer(body=b"[" + b",".join(encoded(row) for row in rows if not wanted or row.id == wanted) + b"]")

    def list_regions(self, call: Call) -> Answer:
        asked = call.query.get("branchId", "")
        branches = asked.split(",")
        page = page_of(call.query, size="pagesize")
        rows = self.regions.select(asked, (lambda row: row.branch in branches) if asked else None, since_of(call.query))
        return paged(rows, page)

    def list_plans(self, call: Call) -> Answer:
        return self._venda(call, [plan.shape(self._installed) for plan in self.plans.values()])

    def list_chargings(self, call: Call) -> Answer:
        """`usaPlPagAutoServico` lists the plans of each code; `statusPlPag=A` leaves the inactive ones out."""
        status = call.query.get("statusPlPag", "")
        rules.one_of("statusPlPag", status, ("", "A", "I"))
        with_plans = flag(call.query, "usaPlPagAutoServico")

        def plans(charging: Charging) -> list[str]:
            return [code for code in charging.plans if not status or self.plans[code].active == (status == "A")] if with_plans else []

        return self._venda(call, [charging.shape(plans(charging), self._installed) for charging in self.chargings.values()])

    def _venda(self, call: Call, rows: list[dict[str, object]]) -> Answer:
        """winthor-venda has its own names: pagina, tamanho, dataUltimaAlteracao."""
        page: Page = page_of(call.query, "pagina", "tamanho")
        since = since_of(call.query, "dataUltimaAlteracao")
        if since is not None and self._installed < since:
            rows = []
        start, stop = page.cut(len(rows))
        return envelope([dumps(row) for row in rows[start:stop]], page, len(rows))


_PUNCTUATION = re.compile(r"[^0-9A-Z]", re.ASCII)


def bare(text: str) -> str:
    """A document, CEP or phone without its punctuation; a CNPJ may hold letters."""
    return _PUNCTUATION.sub("", text.upper())


def punctuated_document(document: str) -> str:
    """A CPF or CNPJ as WinThor's screens and answers write it."""
    if len(document) == 11:
        return f"{document[:3]}.{document[3:6]}.{document[6:9]}-{document[9:]}"
    if len(document) == 14:
        return f"{document[:2]}.{document[2:5]}.{document[5:8]}/{document[8:12]}-{document[12:]}"
    return document


def punctuated_zip(zip_code: str) -> str:
    return f"{zip_code[:5]}-{zip_code[5:]}" if len(zip_code) == 8 else zip_code


def punctuated_phone(phone: str) -> str:
    if len(phone) in (10, 11):
        return f"({phone[:2]}) {phone[2:-4]}-{phone[-4:]}"
    return phone
