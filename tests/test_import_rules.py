"""Imports go one way: plugins -> engate <- engate_api, and inside engate from model up to operations and views. Read
from the folders: a new plugin is covered, a deleted one not missed.

A rule is broken by any import statement, wherever it stands (in a function, under TYPE_CHECKING). Folders named `tests` may use HTTP
clients, name platforms and put a plugin beside its sandbox; the direction of imports binds them too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PLATFORM = re.compile(r"winthor|vtex|consinco|shopify|webstore|(?<![a-z])olist", re.IGNORECASE)
CLIENTS = {"httpx", "httpx_aiohttp", "aiohttp"}
HTTP_CLIENT = "core/engate/http.py"
SANDBOX_BASE = "core/engate/testing/sandbox.py"
OUTGOING = "core/engate/testing/outgoing.py"
"""What a sandbox sends out by itself goes through it."""
LAYERS = {"model": 0, "domain": 1, "store": 2, "sync": 3, "operations": 4, "views": 4}
"""Packages of engate, each with its height: one imports only what is lower. Modules beside them (errors, texts, hooks) are as low as
the model; `testing` stands above all."""
SERVERS_OF_GRAPHS = {"graphql"}
"""Libraries of the sandboxes alone."""
NEUTRAL = ("core", "api", "demo")
"""Parts that import no plugin and name no platform. The demo stands on the API, and nothing else of ours imports it."""


@dataclass(frozen=True)
class Module:
    path: str  # from the root, with slashes
    part: str  # "core", "api", "demo" or "plugins/<name>"
    package: str  # the top package it belongs to, "" in a folder of tests
    source: str

    @property
    def is_test(self) -> bool:
        return not self.package

    @property
    def is_sandbox(self) -> bool:
        return self.package.endswith("_sandbox")

    def imports(self) -> Iterator[tuple[int, str]]:
        """(line, dotted name) of every absolute import; of `from a import b`, `a.b`."""
        for node in ast.walk(ast.parse(self.source, self.path)):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def modules(root: Path) -> list[Module]:
    parts = [root / "core", root / "api", root / "demo", *sorted(path for path in (root / "plugins").glob("*") if path.is_dir())]
    found: list[Module] = []
    for part in parts:
        for path in sorted(part.rglob("*.py")):
            inside = path.relative_to(part).parts
            package = "" if "tests" in inside or len(inside) == 1 else inside[0]
            found.append(Module(path.relative_to(root).as_posix(), part.relative_to(root).as_posix(), package, path.read_text("utf-8")))
    return found


def violations(root: Path) -> list[str]:
    found = modules(root)
    owner = {module.package: module.part for module in found if module.package and module.part.startswith("plugins/")}
    return [f"{module.path}:{problem}" for module in found for problem in problems(module, owner)]


def problems(module: Module, owner: dict[str, str]) -> Iterator[str]:
    """`owner`: every package of every plugin -> the plugin's folder."""
    for line, name in module.imports():
        top = name.partition(".")[0]
        if (top == "engate_api" and module.part not in ("api", "demo")) or (top == "engate_demo" and module.part != "demo"):
            yield f"{line}: {module.part} imports {top}"
        elif top in owner:
            if module.part in NEUTRAL:
                yield f"{line}: {module.part} imports the plugin package {top}"
            elif owner[top] != module.part:
                yield f"{line}: a plugin imports another: {top}"
            elif not module.is_test and top != module.package:
                yield f"{line}: a plugin and its sandbox share nothing, yet this imports {top}"
        elif top in CLIENTS and not module.is_test and not may_use(module, name):
            yield f"{line}: HTTP goes through engate.http, yet this imports {name}"
        elif problem := upwards(module, name):
            yield f"{line}: {problem}"
        elif top in SERVERS_OF_GRAPHS and not module.is_test and not module.is_sandbox:
            yield f"{line}: only a sandbox executes GraphQL, yet this imports {name}"
    if module.part in NEUTRAL and not module.is_test:
        for number, text in enumerate([module.path, *module.source.splitlines()]):
            if named := PLATFORM.search(text):
                yield f"{number}: {module.part} names a platform: {named[0]}"


def layer_of(module: Module) -> str | None:
    """The layer of engate that it belongs to, "" for the modules beside them; None outside engate, and in `testing`."""
    if module.package != "engate":
        return None
    folder, *inside = module.path.removeprefix("core/engate/").split("/")
    if not inside:
        return ""
    return folder if folder != "testing" else None


def upwards(module: Module, name: str) -> str | None:
    """What is wrong with this import, where it goes against the layers."""
    if module.part == "api" and not module.is_test and name.startswith("engate_api.routes."):
        mine = module.path.removesuffix(".py").replace("/", ".").removeprefix("api.")
        if mine.startswith("engate_api.routes.") and not name.startswith(mine):
            return f"a route imports another: {name}"
    mine = layer_of(module)
    if mine is None:
        return None
    if mine == "domain" and name.partition(".")[0] == "sqlalchemy":
        return "domain is pure, yet this imports sqlalchemy"
    parts = name.split(".")
    theirs = parts[1] if parts[0] == "engate" and len(parts) > 1 and parts[1] in LAYERS else None
    if theirs is None or theirs == mine or LAYERS.get(mine, 0) > LAYERS[theirs] or (not mine and theirs == "model"):
        return None
    return f"{mine or 'a module beside the layers'} imports {theirs}"


def may_use(module: Module, name: str) -> bool:
    if module.path == HTTP_CLIENT or (module.path == OUTGOING and name.partition(".")[0] == "aiohttp"):
        return True
    serves = module.is_sandbox or module.path == SANDBOX_BASE
    return serves and (name == "aiohttp.web" or name.startswith("aiohttp.web."))


def test_the_rules_hold() -> None:
    found = modules(ROOT)
    assert {"engate", "engate_api", "engate_demo"} <= {module.package for module in found}
    for project in (ROOT / "plugins").glob("*/pyproject.toml"):
        part = project.parent.relative_to(ROOT).as_posix()
        assert any(module.part == part and module.package for module in found), f"{part}: no package seen"
    assert violations(ROOT) == []


# Each rule, broken once: without these, a rule that sees nothing would pass for one that holds.

GOOD = {
    "core/engate/__init__.py": "",
    "core/engate/text.py": "from engate.model import Order\n",
    "core/engate/domain/options.py": "from engate.model import Order\nfrom engate.text import Text\nfrom engate.domain import flows\n",
    "core/engate/views/orders.py": "from engate.store import orders\nfrom engate.sync import pilot\nimport sqlalchemy\n",
    "core/engate/testing/stage.py": "from engate.operations import trigger\nfrom engate.views import orders\n",
    "api/engate_api/routes/orders.py": "from engate_api.routes.orders import x\n",
    "api/engate_api/app.py": "from engate_api.routes import orders\n",
    "core/engate/http.py": "import httpx\nimport httpx_aiohttp\nfrom aiohttp import ClientSession\n",
    "core/engate/testing/sandbox.py": "from aiohttp import web\n",
    "core/engate/testing/outgoing.py": "import aiohttp\n",
    "core/tests/test_http.py": "import httpx\nSHOP = 'vtex'\n",
    "api/engate_api/__init__.py": "from engate import hooks\n\nNAMES = array.tolist()\n",
    "api/tests/test_api.py": "import aiohttp\nfrom engate_api import app\n",
    "demo/engate_demo/__init__.py": "from engate import hooks\nimport engate_api.cli\n",
    "demo/tests/test_demo.py": "from engate_demo import steps\nSHOP = 'vtex'\n",
    "plugins/red/engate_red/__init__.py": "from engate.http import Client\nfrom engate_red.settings import Settings\nfrom . import erp\n",
    "plugins/red/engate_red_sandbox/__init__.py": "from aiohttp import web\nfrom aiohttp.web import Request\nimport engate.testing\n",
    "plugins/red/engate_red_sandbox/graph.py": "from graphql import execute\nfrom engate.testing.outgoing import Outgoing\n",
    "plugins/red/tests/test_red.py": "import engate_red\nimport engate_red_sandbox\nimport httpx\n",
    "plugins/blue/engate_blue/__init__.py": "import engate\n",
}
BAD = {
    "core imports the API": ("core/engate/a.py", "import engate_api.app\n", "core imports engate_api"),
    "core imports a plugin": ("core/engate/a.py", "def f():\n    from engate_red import erp\n", "plugin package engate_red"),
    "core imports a sandbox": ("core/engate/a.py", "import engate_red_sandbox\n", "plugin package engate_red_sandbox"),
    "core's tests import a plugin": ("core/tests/test_a.py", "import engate_blue\n", "plugin package engate_blue"),
    "the API imports a plugin": ("api/engate_api/a.py", "from engate_blue import manifest\n", "plugin package engate_blue"),
    "a plugin imports the API": ("plugins/red/engate_red/a.py", "from engate_api import cli\n", "imports engate_api"),
    "core imports the demo": ("core/engate/a.py", "import engate_demo\n", "core imports engate_demo"),
    "the API imports the demo": ("api/engate_api/a.py", "def f():\n    from engate_demo import goods\n", "api imports engate_demo"),
    "the API's tests import the demo": ("api/tests/test_a.py", "from engate_demo import goods\n", "api imports engate_demo"),
    "a plugin imports the demo": ("plugins/red/engate_red/a.py", "import engate_demo\n", "imports engate_demo"),
    "the demo imports a plugin": ("demo/engate_demo/a.py", "import engate_red\n", "plugin package engate_red"),
    "the demo imports a sandbox": ("demo/engate_demo/a.py", "import engate_red_sandbox\n", "plugin package engate_red_sandbox"),
    "the demo uses httpx": ("demo/engate_demo/a.py", "import httpx\n", "imports httpx"),
    "a plugin imports another": ("plugins/red/engate_red/a.py", "import engate_blue\n", "another: engate_blue"),
    "a plugin's tests import another": ("plugins/red/tests/test_a.py", "import engate_blue\n", "another: engate_blue"),
    "a plugin imports its sandbox": ("plugins/red/engate_red/a.py", "import engate_red_sandbox.app\n", "share nothing"),
    "a sandbox imports its plugin": ("plugins/red/engate_red_sandbox/a.py", "from engate_red import endpoints\n", "share nothing"),
    "domain imports the store": ("core/engate/domain/a.py", "from engate.store import orders\n", "domain imports store"),
    "domain speaks SQL": ("core/engate/domain/a.py", "import sqlalchemy as sa\n", "domain is pure"),
    "the store imports the engine": ("core/engate/store/a.py", "def f():\n    from engate.sync import work\n", "store imports sync"),
    "the engine imports what people ask for": ("core/engate/sync/a.py", "from engate.operations import links\n", "sync imports operations"),
    "views act": ("core/engate/views/a.py", "from engate.operations import trigger\n", "views imports operations"),
    "operations read what people read": ("core/engate/operations/a.py", "import engate.views.orders\n", "operations imports views"),
    "a low module imports the store": ("core/engate/secrets.py", "from engate.store.db import Store\n", "beside the layers imports store"),
    "a route imports another": ("api/engate_api/routes/a.py", "from engate_api.routes.orders import x\n", "a route imports another"),
    "core uses httpx": ("core/engate/sync/a.py", "import httpx\n", "imports httpx"),
    "core serves": ("core/engate/a.py", "from aiohttp import web\n", "imports aiohttp.web"),
    "the API uses aiohttp": ("api/engate_api/a.py", "import aiohttp\n", "imports aiohttp"),
    "a plugin uses httpx": ("plugins/red/engate_red/a.py", "from httpx import Client\n", "imports httpx.Client"),
    "a plugin serves": ("plugins/red/engate_red/a.py", "from aiohttp import web\n", "imports aiohttp.web"),
    "a sandbox is a client": ("plugins/red/engate_red_sandbox/a.py", "from aiohttp import web, ClientSession\n", "aiohttp.ClientSession"),
    "core executes GraphQL": ("core/engate/a.py", "import graphql\n", "only a sandbox executes GraphQL"),
    "the API executes GraphQL": ("api/engate_api/a.py", "from graphql import parse\n", "only a sandbox executes GraphQL"),
    "a plugin executes GraphQL": ("plugins/red/engate_red/a.py", "from graphql import parse\n", "only a sandbox executes GraphQL"),
    "what goes out uses httpx": ("core/engate/testing/outgoing.py", "import httpx\n", "imports httpx"),
    "the sandbox base is a client": ("core/engate/testing/sandbox.py", "import aiohttp\n", "imports aiohttp"),
    "core names a platform": ("core/engate/a.py", "KEYS = {'VtexAccount': 1}\n", "names a platform: Vtex"),
    "core names a platform in a comment": ("core/engate/a.py", "x = 1  # as Olist does\n", "names a platform: Olist"),
    "core names a platform in a file name": ("core/engate/winthor_keys.py", "", "names a platform: winthor"),
    "the demo names a platform": ("demo/engate_demo/a.py", "\nif key == 'shopify': ...\n", "demo names a platform: shopify"),
    "the API names a platform": ("api/engate_api/a.py", "\nif key == 'shopify': ...\n", "names a platform: shopify"),
}


def write(root: Path, files: dict[str, str]) -> None:
    for path, source in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(source, "utf-8")


def test_what_is_allowed_passes(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    assert violations(tmp_path) == []


@pytest.mark.parametrize(("path", "source", "expected"), BAD.values(), ids=BAD.keys())
def test_a_broken_rule_is_seen(tmp_path: Path, path: str, source: str, expected: str) -> None:
    write(tmp_path, {**GOOD, path: source})
    [violation] = violations(tmp_path)
    assert violation.startswith(f"{path}:")
    assert expected in violation
