"""Holds HTTP traffic against the vendors' own OpenAPI schemas, which stand beside the repository and never in it.

    contracts = Contracts(specs, deviations)
    verdict = contracts.validate(Exchange("GET", "/api/x?page=1", request_headers, b"", 200, answer_headers, body))
    print(contracts.report())  # validated: 812 requests, 790 answers, 41/512 operations

Tests share one `Traffic` a platform in their process, whose numbers stand at the end of a test run. A validation takes milliseconds: it
belongs into tests, never into a sandbox or a demo. openapi-core is imported when it is first needed.
"""

from __future__ import annotations

import importlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from openapi_core import OpenAPI

HOST = "http://contract"
METHODS = ("get", "put", "post", "delete", "patch")
REFUSAL = 400  # statuses from here on are refusals


def folder(platform: str) -> Path:
    """The platform's contracts: below ENGATE_CONTRACTS, else ../shared/contracts beside the repository. It need not exist."""
    beside = Path(__file__).resolve().parents[4] / "shared" / "contracts"
    return Path(os.environ.get("ENGATE_CONTRACTS") or beside) / platform


def required() -> bool:
    """True where absent contracts are a failure and not a reason to skip."""
    return os.environ.get("ENGATE_REQUIRE_CONTRACTS") == "1"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request as it was sent (`path` with its query) and its answer."""

    method: str
    path: str
    request_headers: Mapping[str, str]
    request_body: bytes
    status: int
    answer_headers: Mapping[str, str]
    answer_body: bytes


@dataclass(frozen=True, slots=True)
class Deviation:
    """Where the platform departs from its own schema. `where`: the path in the body, "*" for an index; "" is the body itself."""

    operation: str  # "GET /api/x/{id}"
    where: str
    why: str
    side: Literal["request", "answer"] = "answer"


@dataclass(frozen=True, slots=True)
class Problem:
    side: Literal["request", "answer"]
    where: str
    message: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """`operation` is None where no schema has it. `deviations`: problems that the table explains. `documented`: the status is in the
    schema; a refusal that is not, is no problem, for the schemas list few of them."""

    operation: str | None
    problems: tuple[Problem, ...] = ()
    deviations: tuple[Deviation, ...] = ()
    documented: bool = True

    def of(self, side: Literal["request", "answer"]) -> list[str]:
        """The problems of one side, as text."""
        return [f"{problem.where or '(body)'}: {problem.message}" for problem in self.problems if problem.side == side]


@dataclass(slots=True)
class Spec:
    """One schema. `below`: the path it is served under, where its server has one; `fix_up` changes the copy in memory."""

    path: Path
    below: str = ""
    fix_up: Callable[[dict[str, Any]], None] | None = None
    api: OpenAPI | None = None
    templates: list[tuple[re.Pattern[str], str, frozenset[str]]] = field(default_factory=list[tuple[re.Pattern[str], str, frozenset[str]]])

    def load(self) -> None:
        from openapi_core import Config, OpenAPI

        document = cast("dict[str, Any]", json.loads(self.path.read_text("utf-8")))
        document["servers"] = [{"url": HOST}]
        for item in cast("dict[str, dict[str, Any]]", document["paths"]).values():
            item.pop("servers", None)
            for operation in item.values():
                if isinstance(operation, dict):
                    cast("dict[str, Any]", operation).pop("servers", None)
        if self.fix_up is not None:
            self.fix_up(document)
        _drop_media_parameters(document)
        no_check = cast("Any", None)  # whether the schema itself is well formed is not asked here
        self.api = OpenAPI.from_dict(document, config=Config(spec_validator_cls=no_check))
        paths = cast("dict[str, dict[str, Any]]", document["paths"])
        for template in sorted(paths, key=lambda path: (path.count("{"), path)):  # a literal path before one with a parameter
            pattern = "".join(part if index % 2 else re.escape(part) for index, part in enumerate(_split(template)))
            self.templates.append((re.compile(pattern), template, frozenset(method for method in paths[template] if method in METHODS)))

    def operation(self, method: str, path: str) -> str | None:
        if not path.startswith(self.below):
            return None
        path = path[len(self.below) :]
        for pattern, template, methods in self.templates:
            if method.lower() in methods and pattern.fullmatch(path):
                return f"{method.upper()} {template}"
        return None

    def operations(self) -> set[str]:
        return {f"{method.upper()} {template}" for _, template, methods in self.templates for method in methods}


class Contracts:
    """Every schema of a platform, loaded once, and what was held against them."""

    def __init__(self, specs: Sequence[Spec], deviations: Iterable[Deviation] = ()) -> None:
        for spec in specs:
            if spec.api is None:
                spec.load()
        self.specs = specs
        self.requests = 0
        self.answers = 0
        self.covered: set[str] = set()
        self.used: set[Deviation] = set()
        self._deviations = {(one.operation, one.side, one.where): one for one in deviations}

    def fresh(self) -> Contracts:
        """The same schemas, nothing counted yet."""
        return Contracts(self.specs, self._deviations.values())

    def add(self, other: Contracts) -> None:
        """What was held against `other` counts here too."""
        self.requests += other.requests
        self.answers += other.answers
        self.covered |= other.covered

    def operations(self) -> set[str]:
        return set[str]().union(*(spec.operations() for spec in self.specs))

    def validate(self, exchange: Exchange) -> Verdict:
        url = urlsplit(exchange.path)
        found = ((spec, spec.operation(exchange.method, url.path)) for spec in self.specs)
        spec, operation = next(((spec, name) for spec, name in found if name is not None), (None, None))
        if spec is None or operation is None:
            return Verdict(None)
        self.requests += 1
        self.covered.add(operation)
        documented, raw = _problems(spec, url.path[len(spec.below) :], url.query, exchange)
        self.answers += documented
        problems: list[Problem] = []
        deviations: list[Deviation] = []
        for problem in raw:
            known = self._deviations.get((operation, problem.side, problem.where))
            if known is None:
                problems.append(problem)
            else:
                deviations.append(known)
        self.used.update(deviations)
        return Verdict(operation, tuple(problems), tuple(deviations), documented)

    def report(self, of: Iterable[str] | None = None) -> str:
        """`of`: the operations that count (those a sandbox serves, say); without it every operation of the schemas."""
        counted = self.operations() if of is None else set(of)
        covered = len(self.covered & counted)
        return f"validated: {self.requests} requests, {self.answers} answers, {covered}/{len(counted)} operations"


class Held(Protocol):
    """Schemas of any kind, and how much was held against them: what `Contracts` is for OpenAPI."""

    requests: int
    answers: int
    covered: set[str]

    def validate(self, exchange: Exchange) -> Verdict: ...

    def report(self, of: Iterable[str] | None = None) -> str: ...


class Traffic:
    """What the tests of this process held against one platform's schemas.

    `served`: the operations that count, in the schemas' words; `exceptions`: "METHOD /path" used although no schema has it -> why.
    """

    def __init__(self, platform: str, contracts: Held, served: Iterable[str], exceptions: Mapping[str, str]) -> None:
        self.platform, self.contracts, self.served, self.exceptions = platform, contracts, frozenset(served), exceptions
        self.without_schema: set[str] = set()

    def hold(self, exchange: Exchange) -> list[str]:
        """What is wrong with it, in words. Where the answer is a page (a proxy's, a fault's) only the request is judged."""
        verdict = self.contracts.validate(exchange)
        if verdict.operation is None:
            self.without_schema.add(f"{exchange.method} {urlsplit(exchange.path).path}")
            return []
        judged = ("request",) if "html" in _content_type(exchange.answer_headers) else ("request", "answer")
        return [
            f"{verdict.operation}: {problem.side} {problem.where}: {problem.message}"
            for problem in verdict.problems
            if problem.side in judged
        ]

    def tell(self) -> dict[str, Any]:
        """What was held, in plain values: for another process that sums up (`hear`)."""
        held = self.contracts
        return {
            "platform": self.platform,
            "requests": held.requests,
            "answers": held.answers,
            "covered": sorted(held.covered),
            "without_schema": sorted(self.without_schema),
        }

    def gaps(self) -> list[str]:
        """What was served or used, never held against a schema, and is not explained either."""
        return sorted((self.served - self.contracts.covered) | (self.without_schema - self.exceptions.keys()))

    def lines(self) -> list[str]:
        """For the end of a test run."""
        why = (
            f"  not validated: {name} ({self.exceptions.get(name, 'not in the table of exceptions')})"
            for name in sorted(self.without_schema)
        )
        return [f"{self.platform} {self.contracts.report(self.served | self.contracts.covered)}", *why]


@cache
def traffic(platform: str) -> Traffic | None:
    """The process' own of a platform whose sandbox has a module `contract`; None where its schemas are absent and not required."""
    where = folder(platform)
    if not where.is_dir():
        if required():
            raise FileNotFoundError(f"no contracts in {where}")
        return None
    sandbox = entry_points(group="engate.sandboxes")[platform].module
    contract: Any = importlib.import_module(f"{sandbox}.contract")
    made = Traffic(platform, contract.load(where), contract.served(), contract.NO_SCHEMA)
    SHARED.append(made)
    return made


SHARED: list[Traffic] = []
"""Those that the tests of this process asked for."""


def hear(told: dict[str, Any]) -> None:
    """Adds what another process has held to our own."""
    own = next((held for held in SHARED if held.platform == told["platform"]), None) or traffic(told["platform"])
    assert own is not None, "a process held contracts that this one cannot find"
    own.contracts.requests += told["requests"]
    own.contracts.answers += told["answers"]
    own.contracts.covered.update(told["covered"])
    own.without_schema.update(told["without_schema"])


def _problems(spec: Spec, path: str, query: str, exchange: Exchange) -> tuple[bool, list[Problem]]:
    """(the status is documented, what is wrong on either side)"""
    from openapi_core.templating.responses.exceptions import ResponseNotFound
    from openapi_core.testing import MockRequest, MockResponse

    assert spec.api is not None
    asked = MockRequest(
        HOST, exchange.method, path, args=dict(parse_qsl(query, keep_blank_values=True)), headers=dict(exchange.request_headers),
        data=exchange.request_body, content_type=_content_type(exchange.request_headers),
    )  # fmt: skip
    answered = MockResponse(
        exchange.answer_body, exchange.status, headers=dict(exchange.answer_headers), content_type=_content_type(exchange.answer_headers)
    )
    problems = [problem for error in spec.api.iter_request_errors(asked) for problem in _explain("request", error)]
    documented = True
    for error in spec.api.iter_response_errors(asked, answered):
        if isinstance(error, ResponseNotFound) or isinstance(error.__cause__, ResponseNotFound):
            documented = False
            if exchange.status < REFUSAL:
                problems.append(Problem("answer", "", f"status {exchange.status} is not documented"))
        else:
            problems += _explain("answer", error)
    return documented, problems


def _explain(side: Literal["request", "answer"], error: BaseException) -> list[Problem]:
    """One problem for each place a schema complains about, else the error itself."""
    cause = error.__cause__ or error
    found = cast("list[Any]", list(getattr(cause, "schema_errors", ())))
    if not found:
        return [Problem(side, "", f"{type(error).__name__}: {error or cause}")]
    return [
        Problem(side, "/".join("*" if isinstance(step, int) else str(step) for step in one.absolute_path), str(one.message))
        for one in found
    ]


def _content_type(headers: Mapping[str, str]) -> str:
    found = next((value for name, value in headers.items() if name.lower() == "content-type"), "application/json")
    return found.partition(";")[0].strip()


def _drop_media_parameters(node: object) -> None:
    """ "application/json; charset=utf-8" as a key of `content` becomes "application/json": a charset is no difference of contract."""
    if isinstance(node, dict):
        known = cast("dict[str, Any]", node)
        content = known.get("content")
        if isinstance(content, dict):
            media = cast("dict[str, Any]", content)
            known["content"] = {kind.partition(";")[0].strip(): value for kind, value in media.items()}
        for value in known.values():
            _drop_media_parameters(value)
    elif isinstance(node, list):
        for value in cast("list[object]", node):
            _drop_media_parameters(value)


def _split(template: str) -> list[str]:
    """Literal text and parameter patterns in turn: "/a/{b}" -> ["/a/", "[^/]+", ""]."""
    parts = re.split(r"\{[^}]+\}", template)
    return [text for part in parts for text in (part, "[^/]+")][:-1]
