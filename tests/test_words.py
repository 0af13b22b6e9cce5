"""What the product says to people: every state, step and cause has a title in both languages, and every text keeps the rules of words.

The rules are those of `engate.testing.words`, which a plugin's own conformance tests use too. Who reads a text decides what may stand
in it:

- **An operator** reads causes, explanations, lines of a test, timelines, e-mails and forms. No names of fields, states or hooks, no
  addresses of the API, no UTC: what to do is said by the screen of the platform, or of engate's own console.
- **Who sent a request** reads its refusal: `Invalid`, `Refused` and their kind, and all of `api/`. It names the fields and addresses that
  it is about, in quotes where a language could be taken for another.
- **Both** read one language a half. A name that a screen shows stands in quotes; one that people have to type is in the manifest's `typed`.

What is put into a text when the program runs (a platform's own message, say) is not judged here.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest

from engate import hooks, titles
from engate.domain import next_step
from engate.errors import Owner
from engate.model.kinds import CALLED, KINDS
from engate.model.orders import ShopState
from engate.plugins import discover
from engate.sync import steps
from engate.testing.words import ENGLISH, PORTUGUESE, Said, faults, faults_in, said_in, words_of
from engate.text import Text

ROOT = Path(__file__).parent.parent
PLUGINS = sorted(folder for folder in ROOT.glob("plugins/*/engate_*") if not folder.name.endswith("_sandbox") and folder.is_dir())
FOLDERS = [ROOT / "core/engate", ROOT / "api/engate_api", *PLUGINS]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_text_keeps_the_rules(folder: Path) -> None:
    platform = discover().get(folder.name.removeprefix("engate_"))
    typed = platform.manifest.typed if platform is not None and platform.manifest is not None else frozenset[str]()
    found = faults_in(folder, typed, requests=folder.name == "engate_api")
    assert not found, "\n".join(found)


def test_there_are_texts_to_hold() -> None:
    """A walk that finds nothing finds no faults."""
    counts = {folder.name: sum(1 for file in folder.rglob("*.py") for _ in said_in(file.read_text())) for folder in FOLDERS}
    assert counts["engate"] > 500 and all(count > 20 for count in counts.values()), counts


# ---- the rules ----

WRONG: tuple[tuple[str, str, str], ...] = (
    ("Espera product 10029 chegar à loja.", "Waits for product 10029.", "'product' is another language"),
    ("Preencha na rotina/routine 203 ou/or 292.", "Fill in routine 203.", "'routine' is another language"),
    ("Nota recusada.", "Note recusada pela loja.", "'pela' is another language"),
    ("Falta a praça.", "The praça is missing.", "'praça' is another language"),
    ("O pedido está em ready-for-handling.", "The order waits.", "a raw word: ready-for-handling"),
    ("O registro está em to_send.", "The record waits.", "a raw word: to_send"),
    ("A lista não traz orderIdHube.", "The list lacks it.", "a raw word: orderIdHube"),
    ("Mude a opção para 'placeholder'.", "Change the option.", "a raw word: 'placeholder'"),
    ("Veja /integrations/3/causes.", "See the causes.", "an address of the API: /integrations/3/causes."),
    ("Veja GET /platforms.", "See the platforms.", "an address of the API"),
    ("Na loja desde 10:00 UTC.", "In the shop since 10:00.", "an instant in UTC"),
    ("Confira o pedido.", "", "one half is empty"),
)


@pytest.mark.parametrize(("pt", "en", "fault"), WRONG, ids=[fault for _, _, fault in WRONG])
def test_each_rule_catches(pt: str, en: str, fault: str) -> None:
    found = faults(Said(0, pt, en))
    assert any(fault in each for each in found), found


RIGHT: tuple[tuple[str, str], ...] = (
    ("Dê à chave o recurso 'Change order' (OMS).", "Grant the key the resource 'Change order' (OMS)."),
    ("O webhook de estoque do SKU responde.", "The stock webhook of the SKU answers."),
    ("Escreva-o como ana@exemplo.com.br.", "Write it like ana@example.com."),
    ("Confira ENGATE_DATABASE_URL: engate restore ARQUIVO.", "Check ENGATE_DATABASE_URL: engate restore FILE."),
    ("Escolha a categoria 'Integração'.", "Choose the category 'Integração'."),
    ("", ""),
)


@pytest.mark.parametrize(("pt", "en"), RIGHT)
def test_what_is_right_passes(pt: str, en: str) -> None:
    assert not faults(Said(0, pt, en))


def test_who_sent_a_request_is_told_its_fields_and_an_operator_is_not() -> None:
    pt, en = "Envie next_cursor; veja GET /integrations/schema.", "Send next_cursor; see GET /integrations/schema."
    assert not faults(Said(0, pt, en, request=True))
    assert faults(Said(0, pt, en))
    assert not faults(Said(0, "Informe 'order_body'.", "Enter 'order_body'."), {"order_body"})


def test_the_source_says_who_reads_a_text_and_what_is_put_into_it() -> None:
    source = """
def ask():
    hint = Text("a", "b")
    raise Invalid(Text("c", "d"), hint)

def tell(called):
    return own("x", "y", Text(f"e {called.en}", "f"), Text("g " + "h" if called else f"i", "j"))
"""
    assert [(said.pt, said.request) for said in said_in(source)] == [("a", True), ("c", True), ("e …", False), ("g  h i", False)]
    [wrong] = [said for said in said_in(source) if said.put[0]]
    assert faults(wrong) == ["the pt half is given called.en"]


def test_no_string_mixes_two_languages() -> None:
    """Also of those that are no `Text`: a list of routines, a detail of a field. (A command prints both languages, one after the other.)"""
    others = [file for file in _sources() if "commands" not in file.parts]
    found = [f"{file.relative_to(ROOT)}:{line}: {words!r}" for file in others for line, words in _strings(file) if _mixed(words)]
    assert not found, "\n".join(found)


def _sources() -> Iterator[Path]:
    for folder in FOLDERS:
        yield from (file for file in sorted(folder.rglob("*.py")) if "testing" not in file.parts and "migrations" not in file.parts)


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def _strings(file: Path) -> Iterator[tuple[int, str]]:
    """Constants that are no docstrings."""
    tree = _tree(file)
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.lineno, node.value


def _mixed(words: str) -> bool:
    found = set(words_of(words))
    return bool(found & ENGLISH) and bool(found & PORTUGUESE)


# ---- the tables ----

TABLES: dict[str, Mapping[str, Text]] = {
    name: table for name, table in vars(titles).items() if name.isupper() and isinstance(table, Mapping)
} | {"KINDS": CALLED}


@pytest.mark.parametrize("name", TABLES)
def test_every_title_is_in_both_languages(name: str) -> None:
    table = TABLES[name]
    assert table
    for code, title in table.items():
        assert title.pt.strip() and title.en.strip(), code
        assert not faults(Said(0, title.pt, title.en)), (code, faults(Said(0, title.pt, title.en)))


def test_every_kind_state_hook_and_owner_has_a_title() -> None:
    states = {*next_step.ORDER, *next_step.FINAL, *next_step.BEFORE_THE_ERP.values()}
    assert set(titles.ORDER_STATES) == set(titles.ORDER_WAITS) == states
    assert set(titles.SHOP_STATES) == set(get_args(ShopState)) - {"unknown"}
    assert set(titles.OWNERS) == set(get_args(Owner))
    assert set(KINDS) <= set(CALLED)
    offered = {name for side in (hooks.Connection, hooks.Erp, hooks.Storefront, hooks.Observer) for name in _hooks(side)}
    assert set(titles.HOOKS) == offered
    assert set(steps.TITLES) == set(get_args(next_step.Action))


def _hooks(side: type[Any]) -> Iterator[str]:
    aside = {"unavailable", "served"}
    yield from (name for name, member in vars(side).items() if callable(member) and not name.startswith("_") and name not in aside)


def test_every_step_of_a_timeline_has_a_title() -> None:
    written = {*_given("Line", 0), *_given("done", 0), *_given("keep", 1)} - {""}
    assert written == set(titles.STEPS), written ^ set(titles.STEPS)


def test_every_state_of_a_run_and_what_began_it_has_a_title() -> None:
    """The table says which there are."""
    source = (ROOT / "core/engate/store/tables.py").read_text()
    for column, table in (("state", titles.RUN_STATES), ("trigger", titles.TRIGGERS)):
        [said] = [
            line.partition("#")[2] for line in source.splitlines() if f'"{column}", sa.String' in line and "|" in line.partition("#")[2]
        ]
        assert {word.strip() for word in said.split("|")} == set(table)


def _given(call: str, place: int) -> Iterator[str]:
    """What stands at a place of every call of this name, in the engine and in what people ask of it."""
    for file in sorted(file for part in ("sync", "operations") for file in (ROOT / "core/engate" / part).rglob("*.py")):
        for node in ast.walk(_tree(file)):
            if isinstance(node, ast.Call) and len(node.args) > place:
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                at = node.args[place]
                if name == call and isinstance(at, ast.Constant) and isinstance(at.value, str):
                    yield at.value


# ---- causes ----

NAMED = {"own": 0, "Problem": 0, "Task": 0, "_misused": 0}
"""Calls that are given the code of a cause."""
BECOME = ("Rejected", "AuthFailed", "Forbidden", "CapabilityMissing")
"""Errors that become causes."""
MAIL = ("smtp.py", "mailing.py", "telling.py")
"""Where every error does: letters wait for what their server says."""
PLATFORMS = ("http.", "erp.http_", "shopify.", "webstore.", "fake.")
"""How the codes begin that only repeat a platform's own answer: they share one title."""


def codes() -> Iterator[tuple[str, str]]:
    """(where, code) of everything that can become a cause; what is put in when the program runs is "*"."""
    constants = {
        to.id: node.value.value
        for file in _sources()
        for node in _tree(file).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for to in node.targets
        if isinstance(to, ast.Name)
    }
    for file in _sources():
        for node in ast.walk(_tree(file)):
            for at in _codes_of(node, (*BECOME, "Unavailable", "Unknown", "EngateError") if file.name in MAIL else BECOME):
                code = _spelt(at, constants)
                if code is not None:
                    yield f"{file.relative_to(ROOT)}:{at.lineno}", code


def _codes_of(node: ast.AST, errors: Collection[str]) -> Iterator[ast.expr]:
    if not isinstance(node, ast.Call):
        return
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in NAMED and node.args:
        yield node.args[NAMED[name]]
    if name in errors:
        yield from (each.value for each in node.keywords if each.arg == "code")


def _spelt(at: ast.expr, constants: dict[str, str]) -> str | None:
    match at:
        case ast.Constant(value=str(code)):
            return code
        case ast.JoinedStr(values=values):
            return "".join(str(each.value) if isinstance(each, ast.Constant) else "*" for each in values)
        case ast.Name(id=name):
            return constants.get(name)
        case _:
            return None


def test_every_cause_has_a_title_of_its_own() -> None:
    found = sorted({(code, where) for where, code in codes() if not code.startswith(PLATFORMS)})
    assert len(found) > 60
    missing = [f"{where}: {code}" for code, where in found if not _titled(code)]
    assert not missing, "\n".join(missing)


def _titled(code: str) -> bool:
    before, gap, after = code.partition("*")
    return any(known.startswith(before) and known.endswith(after) for known in titles.CAUSES) if gap else code in titles.CAUSES


def test_no_title_is_of_a_cause_that_nobody_writes() -> None:
    written = [code for _, code in codes()]
    kept = {
        "auth_failed",
        "rejected",
        "forbidden",
        "capability_missing",
        "plugin_fault",
    }  # errors that have this one where no other is given
    unused = [code for code in titles.CAUSES if code not in kept and not any(_fits(code, each) for each in written)]
    assert not unused, unused


def _fits(code: str, written: str) -> bool:
    before, gap, after = written.partition("*")
    return code == written or bool(gap) and code.startswith(before) and code.endswith(after)
