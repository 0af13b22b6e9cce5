"""`engate new-plugin NAME --role erp|storefront`: a plugin that works with its sandbox, and says by red tests what is still to write.

The files are those of `engate_api/scaffold`: a plugin called acme, written out. `both` is for either role. NAME takes the place of acme.
"""

from __future__ import annotations

import argparse
import inspect
import re
import tempfile
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path

from engate.domain.flows import FLOWS
from engate.errors import Invalid
from engate.hooks import HOOK_API, Erp, Storefront
from engate.plugins import PLATFORMS
from engate.specs import SPECS, Spec
from engate.text import Text
from engate.version import VERSION

ROLES: dict[str, tuple[type, str]] = {"erp": (Erp, "ERP"), "storefront": (Storefront, "storefront")}
THERE = {"erp": "list_brands", "storefront": "push_brands"}
"""The hook that the scaffold has already."""
SCAFFOLD = "scaffold"
ENDING = ".txt"
NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
LONGEST = 30


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="engate new-plugin", description="Writes a plugin, its sandbox and its tests; docs/plugin-author.md says how it goes on."
    )
    parser.add_argument("name", help="the platform's key: small letters, digits and single _; stored with each connection, so keep it")
    parser.add_argument("--role", choices=sorted(ROLES), required=True)
    parser.add_argument("--into", type=Path, default=Path("plugins"), metavar="DIR", help="where its folder is made (default: ./plugins)")
    given = parser.parse_args(argv)
    _check_name(given.name)
    made = write(given.name, given.role, given.into)
    count = sum(1 for path in made.rglob("*") if path.is_file())
    print(f"{made}: {count} files")
    print(_next(made, given.role))
    return 0


def write(name: str, role: str, into: Path) -> Path:
    """Writes the folder of the plugin and returns it. It appears only when it is complete, and replaces nothing."""
    made = into / name
    if not into.is_dir():
        raise Invalid(
            Text(f"A pasta {into} não existe aqui.", f"There is no folder {into} here."),
            Text("Rode o comando na pasta do engate, ou escolha outra com --into.",
                 "Run it in the folder of the checkout, or choose another with --into."),
            where="--into", code="no_folder",
        )  # fmt: skip
    if made.exists():
        raise Invalid(
            Text(f"{made} já existe.", f"{made} is there already."),
            Text("Escolha outro nome: nada é sobrescrito.", "Choose another name: nothing is overwritten."),
            where="name", code="exists",
        )  # fmt: skip
    with tempfile.TemporaryDirectory(dir=into, prefix=".new-") as folder:
        whole = Path(folder) / name
        for template in ("both", role):
            _copy(files("engate_api") / SCAFFOLD / template, whole, _words(name, role))
        whole.rename(made)
    return made


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name) or len(name) > LONGEST or name.endswith("_sandbox"):
        raise Invalid(
            Text(f"'{name}' não serve como nome de plugin.", f"'{name}' cannot be the name of a plugin."),
            Text(f"Letras minúsculas, números e _ entre eles, até {LONGEST}, sem terminar em _sandbox; por exemplo: meu_erp.",
                 f"Small letters, digits and _ between them, at most {LONGEST}, not ending in _sandbox; for example: my_erp."),
            where="name", code="name",
        )  # fmt: skip
    if name in entry_points(group=PLATFORMS).names or find_spec(f"engate_{name}") is not None:
        raise Invalid(
            Text(f"'{name}' já está instalado.", f"'{name}' is installed already."),
            Text("Escolha outro nome.", "Choose another name."),
            where="name", code="exists",
        )  # fmt: skip


def _words(name: str, role: str) -> dict[str, str]:
    """Each placeholder of the templates, and its replacement."""
    own, title = ROLES[role]
    hooks = [spec for spec in SPECS.values() if spec.role is own and spec.name != THERE[role]]
    needed = {hook for flow in FLOWS.values() for hook in flow.needs}
    return {
        "__ROLE__": title,
        "__ROLE_KEY__": role,
        "__HOOK_API__": str(HOOK_API),
        "__VERSION__": VERSION,
        "__HOOKS__": "\n".join(f"    # {_signature(spec)}" for spec in hooks),
        "__TO_WRITE__": "\n".join(f'    "{spec.name}",' for spec in hooks if spec.name in needed),
        "engate-acme": f"engate-{name.replace('_', '-')}",
        "acme": name,
        "Acme": "".join(word.capitalize() for word in name.split("_")),
    }


def _signature(spec: Spec) -> str:
    word = "def" if spec.pages else "async def"
    return f"{word} {spec.name}{inspect.signature(spec.base)}".replace("'", "")


def _copy(template: Traversable, to: Path, words: dict[str, str]) -> None:
    to.mkdir(exist_ok=True)
    for each in template.iterdir():
        if each.is_dir():
            _copy(each, to / _put(each.name, words), words)
        else:
            (to / _put(each.name.removesuffix(ENDING), words)).write_text(_put(each.read_text("utf-8"), words), "utf-8")


def _put(text: str, words: dict[str, str]) -> str:
    """All placeholders in one pass: a replacement is not replaced again."""
    return re.sub("|".join(map(re.escape, words)), lambda found: words[found[0]], text)


def _next(made: Path, role: str) -> str:
    """What to run, in this order."""
    checkout = made.parent.name == "plugins" and (made.parent.parent / "Makefile").is_file()
    if checkout:
        commands = ["make .venv", f".venv/bin/python -m pytest {made}", "make check", "make docs"]
    else:
        commands = [f"python -m pip install --no-deps --no-build-isolation -e {made}", f"python -m pytest -o asyncio_mode=auto {made}"]
    lines = ["next:", *(f"  {command}" for command in commands)]
    return "\n".join([*lines, f"Red is what is still to write: {made}/engate_{made.name}/{role}.py. How: docs/plugin-author.md"])
