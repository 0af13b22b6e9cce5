"""What people read, held to rules: one language a half, no raw words of a program, no instant of another zone.

    for said in said_in(path.read_text()):
        print(said.line, faults(said))

Who reads a text decides what may stand in it. An **operator** (causes, explanations, e-mails, lines of a test) knows screens: no names of
fields or states, no addresses of the API. Who sent a **request** wrote those names and may be told them. Both get one language a half.

- A half is in its language. What a screen calls something stands in quotes ('Change order'), and is as that screen has it.
- Words of the trade that Portuguese has borrowed are no English (SKU, webhook, feed, token, login, app, e-mail, link, plugin).
- A name that an operator has to type stands in quotes and in `typed`.
- What is put into a half (`{called.pt}`) is of its language.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Set
from pathlib import Path
from typing import NamedTuple

GAP = "…"
"""Placeholder for values that are put in when the program runs."""
REQUESTS = frozenset({"Invalid", "Refused", "NotFound", "FieldError", "Fault", "Unread"})
"""Classes of texts that are read by the sender of a request."""
PAIRS = {"Text": (0, 2), "field": (0, 4), "not_found": (0, 2)}
"""Calls that are given words -> which of their arguments: Portuguese, English, and so on."""

_ENGLISH = """
    the and of with from this that these those is are was were been being has have had will would can cannot could should must may not
    it its they them their there here when where which who whose what why how by on at in to into or but if then than each every all any
    some more less most only same other another again still yet already before after until since while without within between because an
    so be we our you your order orders product products price prices stock shop shops warehouse warehouses branch branches brand brands
    category categories customer customers buyer buyers seller sellers invoice invoices payment payments shipping shipment shipments
    tracking delivery handling setting settings mapping mapped links failed failing failure refused retry retries waiting waits missing
    unknown storefront storefronts flow flows run runs step steps state states key keys field fields row rows sheet sheets record
    records cause causes fix correct check ask send sent reading write change changed changes make create created delete deleted update
    updated need needs give given take taken tell told say said see look find found used put get open close closed paid placed cancelled
    canceled shipped invoiced delivered picked settled pushed routine tab department section charge terms reference holds level name
    names needed
"""
ENGLISH = frozenset(_ENGLISH.split())
"""Words that are English and not Portuguese."""
_PORTUGUESE = """
    não de da das dos em na nas nos para por pelo pela com sem que uma um os ao aos ou pedido pedidos produto produtos preço preços
    estoque loja lojas depósito depósitos filial filiais marca marcas categoria categorias cliente clientes comprador nota notas
    pagamento envio entrega carga rotina cadastro corrija confira veja peça envie ligue mapeie tente aguarda aguardando chave campo
    linha planilha erro depois antes quando onde porque já ainda mais menos mesmo outro outra este esta esse essa isso isto nem também
    sua seu foi ser será espera necessário
"""
PORTUGUESE = frozenset(_PORTUGUESE.split())
"""Words that are Portuguese and not English."""
ACCENTED = re.compile(r"[ãõçáéíóúâêôà]", re.IGNORECASE)
QUOTED = re.compile(r"(?<!\w)'[^'\n]{1,120}'(?!\w)")
RAW = re.compile(r"\b[a-z]+(?:_[a-z0-9]+)+\b|\b[a-z]+(?:-[a-z]+){2,}\b|\b[a-z]+[a-z0-9]*[A-Z]\w*\b|(?<!\w)'[a-z]+'(?!\w)")
"""snake_case, a-raw-state, camelCase, and 'one' small word in quotes: what a screen shows begins with a capital."""
PATH = re.compile(r"(?<![\w:/.])/[a-z][\w{}…/.-]*|\b(?:GET|POST|PUT|PATCH|DELETE) \S*")
CODE = re.compile(
    r"\w+://\S*|\S+@\S+\.\w+|\b[\w.-]+\.com(?:\.br)?\b|\.com\.br\b|[?&]\w+=[^\s,.]*|\"[^\"]*\"|\{[^{}]*\}|ENGATE_[A-Z_]+|--\w+|"
    r"\bengate (?:serve|worker|restore|backup|demo|services)\b|\bContent-Type: \S+|\bAuthorization: \S+(?: <\w+>)?|\bulimit -n|"
    r"true/false|true|false"
)
"""Words that are left out of the check: URLs, settings of the installation, commands."""
ZONED = re.compile(r"\bUTC\b|\bGMT\b|\d{2}:\d{2}Z\b")


class Said(NamedTuple):
    """One text in the source. `request`: it is read by the sender of a request. `put`: names of the values put into each half."""

    line: int
    pt: str
    en: str
    request: bool = False
    put: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())


def faults(said: Said, typed: Set[str] = frozenset()) -> list[str]:
    """What is wrong with the text. `typed`: names that an operator has to type unchanged, in quotes."""
    found: list[str] = []
    for half, language, foreign in ((said.pt, "Portuguese", ENGLISH), (said.en, "English", PORTUGUESE)):
        plain = CODE.sub(" ", half)
        if ZONED.search(plain):
            found.append(f"{language}: an instant in UTC")
        for name in typed:
            plain = plain.replace(f"'{name}'", " ")
        if not said.request:
            found += [f"{language}: an address of the API: {each}" for each in PATH.findall(plain)]
            found += [f"{language}: a raw word: {each}" for each in RAW.findall(plain)]
        spoken = words_of(plain)
        found += [f"{language}: '{word}' is another language" for word in spoken if word in foreign or _accented(word, language)]
    for names, own, other in ((said.put[0], "pt", "en"), (said.put[1], "en", "pt")):
        found += [f"the {own} half is given {name}" for name in sorted(names) if name.rpartition(".")[2].rpartition("_")[2] == other]
    if bool(said.pt.strip()) != bool(said.en.strip()):
        found.append("one half is empty")
    return found


def words_of(text: str) -> list[str]:
    """Those that are of a language: nothing in quotes, no names of a program, no addresses."""
    for apart in (CODE, RAW, PATH, QUOTED):
        text = apart.sub(" ", text)
    return re.findall(r"[^\W\d_]+", text.lower())


def _accented(word: str, language: str) -> bool:
    return language == "English" and ACCENTED.search(word) is not None


# ---- where they stand ----


def said_in(source: str, *, requests: bool = False) -> Iterator[Said]:
    """Every text written out in a Python source. `requests`: all of them are read by senders of requests."""
    tree = ast.parse(source)
    answering = _answering(tree)
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        name = _name(call.func)
        if name == "called":  # values of a field: paid=("pago", "paid")
            groups = [each.value.elts for each in call.keywords if isinstance(each.value, ast.Tuple)]
        elif name in PAIRS:
            first, last = PAIRS[name]
            groups = [call.args[start : start + 2] for start in range(first, last, 2)]
        else:
            continue
        for pair in groups:
            halves = [half for each in pair if (half := _read(each)) is not None]
            if len(halves) == len(("pt", "en")):
                (pt, in_pt), (en, in_en) = halves
                yield Said(call.lineno, pt, en, requests or call in answering, (in_pt, in_en))


def _answering(tree: ast.AST) -> set[ast.Call]:
    """Texts that become an answer to a request: given to one, or to a name in a function that makes one."""
    found: set[ast.Call] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in REQUESTS:
            found.update(each for each in ast.walk(node) if isinstance(each, ast.Call))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            calls = [each for each in ast.walk(node) if isinstance(each, ast.Call) and _name(each.func) in REQUESTS]
            given = {each.id for call in calls for each in ast.walk(call) if isinstance(each, ast.Name)}
            for each in ast.walk(node):
                if isinstance(each, ast.Assign) and any(isinstance(to, ast.Name) and to.id in given for to in each.targets):
                    found.update(inner for inner in ast.walk(each.value) if isinstance(inner, ast.Call))
    return found


def _name(func: ast.expr) -> str:
    if isinstance(func, ast.Name):
        return func.id
    if isinstance(func, ast.Attribute):  # FieldError.of(...)
        return func.value.id if func.attr == "of" and isinstance(func.value, ast.Name) else func.attr
    return ""


def _read(node: ast.expr) -> tuple[str, frozenset[str]] | None:
    """The words that stand there, and the names of what is put between them; None: they stand elsewhere."""
    match node:
        case ast.Constant(value=str(words)):
            return words, frozenset()
        case ast.JoinedStr(values=values):
            words = "".join(str(each.value) if isinstance(each, ast.Constant) else GAP for each in values)
            inner = [_literal(each.value) for each in values if isinstance(each, ast.FormattedValue)]
            names = [_dotted(each.value) for each in values if isinstance(each, ast.FormattedValue)]
            return " ".join([words, *filter(None, inner)]), frozenset(name for name in names if name)
        case ast.BinOp(left=left, op=ast.Add(), right=right) | ast.IfExp(body=left, orelse=right):
            parts = [each for each in (_read(left), _read(right)) if each is not None]
            return (" ".join(each[0] for each in parts), frozenset[str]().union(*(each[1] for each in parts))) if parts else None
        case ast.Call(func=ast.Attribute(value=value)):  # "…".strip()
            return _read(value)
        case _:
            return None


def _literal(node: ast.expr) -> str:
    """Words that stand inside of what is put in: {'ERP' if … else 'loja'}."""
    found = _read(node) if isinstance(node, ast.IfExp) else None
    return found[0] if found is not None else ""


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def faults_in(folder: Path, typed: Set[str] = frozenset(), *, requests: bool = False) -> list[str]:
    """What is wrong with the texts of every Python file below a folder, each with its place."""
    return [
        f"{file.relative_to(folder)}:{said.line}: {fault}"
        for file in sorted(folder.rglob("*.py"))
        for said in said_in(file.read_text("utf-8"), requests=requests)
        for fault in faults(said, typed)
    ]
