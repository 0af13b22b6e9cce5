"""Invoices: numbers and access keys when an order is invoiced, and the XML (`/winthor/fiscal/v1/documentosfiscais/nfe/invoiceDocument`)."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from xml.sax.saxutils import escape

from engate.testing.sandbox import Answer, Call, LedgerCounts
from engate_winthor_sandbox import rules
from engate_winthor_sandbox.company import Branch, Company, bare
from engate_winthor_sandbox.orders import Invoice, Item, Order, Orders
from engate_winthor_sandbox.wire import ErpTime, flag

UF_CODES = {
    "RO": 11, "AC": 12, "AM": 13, "RR": 14, "PA": 15, "AP": 16, "TO": 17, "MA": 21, "PI": 22, "CE": 23, "RN": 24, "PB": 25, "PE": 26,
    "AL": 27, "SE": 28, "BA": 29, "MG": 31, "ES": 32, "RJ": 33, "SP": 35, "PR": 41, "SC": 42, "RS": 43, "MS": 50, "MT": 51, "GO": 52,
    "DF": 53,
}  # fmt: skip
MODEL, SERIES, EMISSION = "55", 1, "1"
FOREIGN = "99888777000161"  # a company that is none of ours
NAMESPACE = "http://www.portalfiscal.inf.br/nfe"


def check_digit(digits: str) -> str:
    """Modulo 11 over ASCII - 48, weights 2 to 9 from the right: the same for keys with letters."""
    total = sum((ord(char) - 48) * (2 + position % 8) for position, char in enumerate(reversed(digits)))
    rest = total % 11
    return "0" if rest < 2 else str(11 - rest)


class Fiscal:
    """`window`: seconds of the sandbox clock between the invoice and the XML that can be read."""

    def __init__(self, time: ErpTime, counts: LedgerCounts, company: Company, orders: Orders, window: float) -> None:
        self.time = time
        self.counts = counts
        self.company = company
        self.orders = orders
        self.window = window
        self._next: dict[str, int] = {}
        self._transactions = 700_000
        self._by_transaction: dict[int, tuple[Order, Invoice]] = {}

    def issue(self, order: Order) -> None:
        """Numbers the invoice of an order that goes to F."""
        order.invoice = self._numbered(order, self.company.branches.rows[order.branch])

    def split(self, order: Order, second: frozenset[int]) -> None:
        """The items of these sequences move to a note of their own."""
        assert order.invoice is not None
        order.invoice.sequences, order.invoice.xml = frozenset(item.sequence for item in order.items) - second, ""
        note = self._numbered(order, self.company.branches.rows[order.branch])
        note.sequences = second
        order.more.append(note)

    def foreign(self, order: Order) -> None:
        """A note of the same items that another company issued."""
        branch = replace(self.company.branches.rows[order.branch], cnpj=FOREIGN)
        note = self._numbered(order, branch)
        note.xml = document(order, note, branch)
        order.more.append(note)

    def unreadable(self, order: Order) -> None:
        """A note of the same items whose XML ends in the middle."""
        branch = self.company.branches.rows[order.branch]
        note = self._numbered(order, branch)
        note.xml = document(order, note, branch).partition("<det ")[0]
        order.more.append(note)

    def _numbered(self, order: Order, branch: Branch) -> Invoice:
        local = self.time.local()
        serial = self._next.get(branch.cnpj, 0) + 1
        self._next[branch.cnpj] = serial
        code = order.id * 7919 % 100_000_000  # cNF: any number that is not nNF
        body = f"{UF_CODES.get(branch.state, 35):02d}{local:%y%m}{branch.cnpj:0>14}{MODEL}{SERIES:03d}{serial:09d}{EMISSION}{code:08d}"
        self._transactions += 1
        published = self.time.now() + timedelta(seconds=self.window)
        made = Invoice(self._transactions, serial, SERIES, body + check_digit(body), local, published)
        self._by_transaction[self._transactions] = (order, made)
        self.counts.effects["invoices_issued"] += 1
        return made

    def undo(self, order: Order) -> None:
        """The notes are cancelled: their documents are not found any more."""
        for note in order.notes:
            del self._by_transaction[note.transaction]
        order.invoice = None
        order.more.clear()

    def read_document(self, call: Call) -> Answer:
        """404 before the order is invoiced, and for a while after, until the XML is published."""
        wanted, transaction = call.query.get("orderId", ""), call.query.get("transactionId", "")
        rules.invoice_reference_given(wanted, transaction)
        found = self._notes(wanted, transaction)
        rules.invoice_published(bool(found))
        packed = flag(call.query, "returnBase64")
        shown = [{"invoiceXml": _packed(xml) if packed else xml} for xml in (self._xml(order, note) for order, note in found)]
        self.counts.effects["invoice_documents_read"] += 1
        return Answer(body=shown[0] if len(shown) == 1 else shown)

    def _notes(self, wanted: str, transaction: str) -> list[tuple[Order, Invoice]]:
        """The published notes of an order, or the one of a transaction."""
        if wanted:
            order = self.orders.get(wanted)
            found = [(order, note) for note in order.notes] if order is not None else []
        else:
            one = self._by_transaction.get(int(transaction)) if transaction.isdigit() else None
            found = [one] if one is not None else []
        return [(order, note) for order, note in found if self.time.now() >= note.published]

    def _xml(self, order: Order, note: Invoice) -> str:
        if not note.xml:
            note.xml = document(order, note, self.company.branches.rows[order.branch])
        return note.xml


def _packed(xml: str) -> str:
    return base64.b64encode(xml.encode()).decode()


def _tag(name: str, value: object) -> str:
    return f"<{name}>{escape(str(value))}</{name}>"


def document(order: Order, invoice: Invoice, branch: Branch) -> str:
    """An authorised NF-e (model 55) of the order: nfeProc with NFe and protNFe."""
    uf = UF_CODES.get(branch.state, 35)
    issued = invoice.issued.isoformat(timespec="seconds")
    sold = [item for item in order.items if item.quantity and (invoice.sequences is None or item.sequence in invoice.sequences)]
    expenses = order.other_expenses if invoice.sequences is None or invoice is order.invoice else Decimal(0)
    goods = sum((item.value for item in sold), Decimal(0))
    charged = f"{goods + expenses:.2f}"
    code = invoice.key[35:43]
    ide = "".join((
        _tag("cUF", uf), _tag("cNF", code), _tag("natOp", "VENDA DE MERCADORIA"), _tag("mod", MODEL), _tag("serie", invoice.series),
        _tag("nNF", invoice.number), _tag("dhEmi", issued), _tag("tpNF", 1), _tag("idDest", 1), _tag("cMunFG", "3550308"), _tag("tpImp", 1),
        _tag("tpEmis", EMISSION), _tag("cDV", invoice.key[-1]), _tag("tpAmb", 1), _tag("finNFe", 1), _tag("indFinal", 1),
        _tag("indPres", 2), _tag("procEmi", 0), _tag("verProc", "WINTHOR"),
    ))  # fmt: skip
    emit = "".join((
        _tag("CNPJ", branch.cnpj), _tag("xNome", branch.name),
        "<enderEmit>", _tag("xLgr", "RUA DA EMPRESA"), _tag("nro", "100"), _tag("xBairro", "CENTRO"), _tag("cMun", "3550308"),
        _tag("xMun", branch.city), _tag("UF", branch.state), _tag("CEP", "01310100"), _tag("cPais", "1058"), _tag("xPais", "BRASIL"),
        "</enderEmit>", _tag("IE", "111222333444"), _tag("CRT", 3),
    ))  # fmt: skip
    lines = "".join(_line(nth, item, expenses if nth == 1 else Decimal(0)) for nth, item in enumerate(sold, 1))
    total = "".join((
        *(_tag(name, "0.00") for name in ("vBC", "vICMS", "vICMSDeson", "vFCP", "vBCST", "vST", "vFCPST", "vFCPSTRet")),
        _tag("vProd", f"{goods:.2f}"),
        *(_tag(name, "0.00") for name in ("vFrete", "vSeg", "vDesc", "vII", "vIPI", "vIPIDevol", "vPIS", "vCOFINS")),
        _tag("vOutro", f"{expenses:.2f}"), _tag("vNF", charged),
    ))  # fmt: skip
    protocol = "".join((
        _tag("tpAmb", 1), _tag("verAplic", "SP_NFE_PL009_V4"), _tag("chNFe", invoice.key), _tag("dhRecbto", issued),
        _tag("nProt", f"1{uf:02d}{invoice.issued:%y}{invoice.transaction:010d}"), _tag("digVal", _digest(invoice.key)), _tag("cStat", 100),
        _tag("xMotivo", "Autorizado o uso da NF-e"),
    ))  # fmt: skip
    return "".join((
        '<?xml version="1.0" encoding="UTF-8"?>', f'<nfeProc versao="4.00" xmlns="{NAMESPACE}">', f'<NFe xmlns="{NAMESPACE}">',
        f'<infNFe Id="NFe{invoice.key}" versao="4.00">', "<ide>", ide, "</ide><emit>", emit, "</emit><dest>", _buyer(order), "</dest>",
        lines, "<total><ICMSTot>", total, "</ICMSTot></total><transp>", _tag("modFrete", 0), "</transp><pag><detPag>", _tag("tPag", "99"),
        _tag("vPag", charged), "</detPag></pag></infNFe></NFe>", '<protNFe versao="4.00"><infProt>', protocol,
        "</infProt></protNFe></nfeProc>",
    ))  # fmt: skip


def _digest(key: str) -> str:
    return base64.b64encode(key[:20].encode()).decode()


def _line(position: int, item: Item, expenses: Decimal) -> str:
    """One item; the order's other expenses stand on the first."""
    ean = item.sku.ean or "SEM GTIN"
    product = "".join((
        _tag("cProd", item.sku.product.id), _tag("cEAN", ean), _tag("xProd", item.sku.product.name[:120]), _tag("NCM", "96081000"),
        _tag("CFOP", "5102"), _tag("uCom", item.sku.packaging[:6]), _tag("qCom", f"{item.quantity:.4f}"),
        _tag("vUnCom", f"{item.price:.10f}"), _tag("vProd", f"{item.value:.2f}"), _tag("cEANTrib", ean),
        _tag("uTrib", item.sku.packaging[:6]), _tag("qTrib", f"{item.quantity:.4f}"), _tag("vUnTrib", f"{item.price:.10f}"),
        _tag("vOutro", f"{expenses:.2f}") if expenses else "", _tag("indTot", 1),
    ))  # fmt: skip
    taxes = "".join((
        "<ICMS><ICMS40>", _tag("orig", 0), _tag("CST", 41), "</ICMS40></ICMS><PIS><PISNT>", _tag("CST", "07"), "</PISNT></PIS>",
        "<COFINS><COFINSNT>", _tag("CST", "07"), "</COFINSNT></COFINS>",
        "<IBSCBS>", _tag("CST", "000"), _tag("cClassTrib", "000001"), "</IBSCBS>",
    ))  # fmt: skip
    return f'<det nItem="{position}"><prod>{product}</prod><imposto>{taxes}</imposto></det>'


def _buyer(order: Order) -> str:
    """The consumer of the order where one was sent (a sale under the default customer), else the customer."""
    data, consumer = order.customer.data, order.consumer or {}
    document = bare(str(consumer.get("taxId") or order.customer.document))
    name = str(consumer.get("customerName") or order.customer.name)
    return "".join((
        _tag("CNPJ" if len(document) == 14 else "CPF", document), _tag("xNome", name[:60]),
        "<enderDest>", _tag("xLgr", data["commercialAddress"]), _tag("nro", data.get("commercialAddressNumber") or "S/N"),
        _tag("xBairro", data["businessDistrict"]), _tag("cMun", "3550308"), _tag("xMun", data.get("city") or "SAO PAULO"),
        _tag("UF", data.get("state") or "SP"), _tag("CEP", data["commercialZipCode"]), "</enderDest>", _tag("indIEDest", 9),
    ))  # fmt: skip
