"""What an administrator is given (docs/production.md, docs/alerts.yml, deploy/) names only what there is: settings, commands and their
options, metrics, log events, headings, files. Docker, systemd, nginx and Prometheus themselves are not here to try it."""

from __future__ import annotations

import configparser
import io
import re
import runpy
import shlex
from contextlib import redirect_stdout
from http import HTTPStatus
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from engate.errors import Owner
from engate.log_events import EVENTS
from engate.metrics import GAUGES, Dependency, Metrics, Outcome
from engate.store import db, health
from engate.store.db import Store
from engate_api import ending
from engate_api.cli import COMMANDS, main
from engate_api.environment import VARIABLES
from engate_api.settings import RENAMED, from_environment

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("docs/production.md", "docs/production.pt-BR.md")
UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))
BLOCK = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TABLE = re.compile(r"<!-- settings -->.*<!-- /settings -->", re.DOTALL)
NAME = re.compile(r"\bENGATE_[A-Z_]*[A-Z]\b")
ENGATE = re.compile(r"(?:\S*bin/|\$)?engate (serve|worker|backup|restore|demo|sandbox|services)\b([^\n|`;)'\"]*)")


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def options(command: str) -> set[str]:
    """Those that `engate <command> --help` shows."""
    if command not in OPTIONS:
        OPTIONS[command] = set(re.findall(r"(?<![\w-])--[a-z-]+", help_of(command)))
    return OPTIONS[command]


OPTIONS: dict[str, set[str]] = {}


def help_of(command: str) -> str:
    said = io.StringIO()
    with redirect_stdout(said), pytest.raises(SystemExit):
        main([command, "--help"])
    return said.getvalue()


def check_commands(found: list[tuple[str, str]], where: str) -> None:
    assert found, where
    for command, arguments in found:
        assert command in COMMANDS, f"{where}: engate {command}"
        used = set(re.findall(r"(?<!\S)--[a-z-]+", arguments))
        assert used <= options(command), f"{where}: engate {command} knows no {used - options(command)}"


# ---- settings ----


def test_the_settings_are_those_that_are_read_and_their_defaults_are_true() -> None:
    sources = [file.read_text("utf-8") for part in ("core/engate", "api/engate_api") for file in (ROOT / part).rglob("*.py")]
    read = {name for source in sources for name in re.findall(r"ENGATE_[A-Z_]*[A-Z]", source)}
    of_tests = {name for name in read if name in text("CONTRIBUTING.md")}
    assert read - of_tests - RENAMED.keys() == set(VARIABLES)
    for name, variable in VARIABLES.items():
        assert from_environment({name: variable.default}) == from_environment({}), name


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_help_names_every_setting(command: str) -> None:
    assert set(NAME.findall(help_of(command))) == set(VARIABLES)


def test_the_tables_of_settings_are_fresh() -> None:
    generate = runpy.run_path(str(ROOT / "docs/generate.py"))
    for name, language in generate["PRODUCTION"].items():
        assert generate["with_settings"](text(name), language) == text(name), f"{name} is stale: make docs"
    assert set(re.findall(r"^\| `(ENGATE_\w+)`", text(PAGES[0]), re.MULTILINE)) == set(VARIABLES)


# ---- the page ----


def test_both_pages_hold_the_same_commands_and_numbers() -> None:
    english, portuguese = (BLOCK.findall(text(name)) for name in PAGES)
    assert english == portuguese and len(english) > 10
    headings = [re.findall(r"^(#+) ", BLOCK.sub("", text(name)), re.MULTILINE) for name in PAGES]
    assert headings[0] == headings[1]
    codes = [sorted(re.findall(r"`([^`\n]+)`", TABLE.sub("", BLOCK.sub("", text(name))))) for name in PAGES]
    assert codes[0] == codes[1]


def test_what_the_page_tells_to_run_is_there() -> None:
    page = text(PAGES[0])
    check_commands(ENGATE.findall("\n".join(BLOCK.findall(page))) + ENGATE.findall(page), PAGES[0])
    for name in re.findall(r"(?<![\w/.])(deploy/[\w./@-]+\w)", page):
        assert (ROOT / name.replace("compose.env", "compose.env.example").replace(".example.example", ".example")).exists(), name
    targets = re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE)
    assert set(re.findall(r"^make (\w+)", "\n".join(BLOCK.findall(page)), re.MULTILINE)) <= set(targets)
    units = {file.name.partition(".")[0].partition("@")[0] for file in (ROOT / "deploy/systemd").iterdir()}
    assert set(re.findall(r"\b(engate-[a-z]+)(?=[@ .\n])", "\n".join(BLOCK.findall(page)))) <= units


def test_what_the_page_says_of_breaking_is_what_there_is() -> None:
    page = text(PAGES[0])
    section = page[page.index("## Five ways it breaks") : page.index("## Backup")]
    assert len(re.findall(r"^### ", section, re.MULTILINE)) == 5
    logged = [line for line in section.splitlines() if line.startswith("| log")]
    assert len(logged) == 5
    for line in logged:
        named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", line))
        assert named and named <= set(EVENTS), line
    rules = {rule["alert"] for rule in alerts()}
    for line in section.splitlines():
        if line.startswith("| alert"):
            assert set(re.findall(r"`(\w+)`", line)) <= rules and "`" in line, line
    assert set(re.findall(r"engate_\w+", BLOCK.sub("", page))) <= set(served()), "a metric that nobody serves"


def test_the_number_of_connections_is_the_pools() -> None:
    store = Store("postgresql+psycopg://nobody:none@127.0.0.1:1/none")
    most = sum(engine.pool.size() + engine.pool._max_overflow for engine in (store.engine, store.views))  # pyright: ignore[reportAttributeAccessIssue]
    store.close()
    assert f"opens up to **{most}**" in text(PAGES[0])


def test_the_times_of_an_end_are_the_codes_and_whoever_stops_a_process_waits_longer() -> None:
    page = " ".join(text(PAGES[0]).split())
    assert f"ends within **{ending.LONGEST:g} s**" in page
    database = db.CLOSE_SECONDS + db.CUT_SECONDS
    assert f"waits {ending.HTTP:g} s for requests, {ending.WORK:g} s for its work and {database:g} s for the database" in page
    waits = [int(unit["Service"]["TimeoutStopSec"]) for unit in units() if unit["Service"]["Type"] == "exec"]
    waits += [int(compose()["services"][name]["stop_grace_period"].removesuffix("s")) for name in ("api", "worker")]
    assert len(waits) == 4 and min(waits) > ending.LONGEST


# ---- alerts ----


def alerts() -> list[dict[str, Any]]:
    found = yaml.safe_load(text("docs/alerts.yml"))
    return [rule for group in found["groups"] for rule in group["rules"]]


def served() -> dict[str, set[str]]:
    """Every name that /metrics has, of the API or of a worker, and what Prometheus adds; with its labels."""
    metrics = Metrics()
    metrics.note("GET", "/x", 200, 0.1)
    metrics.worked("order/1", "done", 0.1)
    said = metrics.scraped({name: {tuple("x" for _ in labels): 1} for name, (_, labels) in GAUGES.items()}).decode()
    lines = [line for line in said.splitlines() if not line.startswith("#")]
    names = {re.split(r"[{ ]", line)[0]: set(re.findall(r'(\w+)="', line)) for line in lines}
    return names | {name.removesuffix("_bucket"): given for name, given in names.items()} | {"up": set()}


def test_alerts_ask_for_metrics_that_there_are_and_say_where_to_read_on() -> None:
    words = {"min", "max", "sum", "rate", "delta", "time"}
    headings = {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", BLOCK.sub("", text(PAGES[0])), re.MULTILINE)
    }
    assert len(alerts()) > 8 and len({rule["alert"] for rule in alerts()}) == len(alerts())
    for rule in alerts():
        expression = re.sub(r'"[^"]*"', "", rule["expr"])
        names = set(re.findall(r"(?<![\w.])[a-z][a-z_]+(?![\w]*\s*=)", re.sub(r"\[\w+\]", "", expression))) - words
        assert names <= set(served()), f"{rule['alert']}: {names - set(served())}"
        assert names and rule["labels"]["severity"] in ("critical", "warning")
        assert " / " in rule["annotations"]["summary"]
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert page == "production.md" and anchor in headings, anchor


def labels() -> dict[str, dict[str, set[str]]]:
    """Of each metric its labels, and the values that these can have: as the code gives them, and as Prometheus adds them."""
    [scraped] = [yaml.safe_load(block)["scrape_configs"] for block in BLOCK.findall(text(PAGES[0])) if block.startswith("scrape_configs")]
    values = {
        "dependency": set(get_args(Dependency)),
        "health": set(health.STATES),
        "owner": set(get_args(Owner)),
        "outcome": set(get_args(Outcome)),
        "status": {"0", *(str(status.value) for status in HTTPStatus)},
    }
    added = {"job": {job["job_name"] for job in scraped}}
    return {name: {label: values.get(label, set()) for label in given} | added for name, given in served().items()}


def test_a_label_that_is_asked_for_is_there_and_has_that_value() -> None:
    """`health="reauth_required"` misspelt would never fire."""
    known, found = labels(), 0
    page = BLOCK.sub("", text(PAGES[0]))
    for asked in (*(rule["expr"] for rule in alerts()), page):
        for metric, selector in re.findall(r"(\w+)\{(\w+=[^}]*)\}", asked):
            for label, how, value in re.findall(r'(\w+)(=~?)"([^"]+)"', selector):
                assert label in known[metric], f"{metric} has no {label}"
                for one in value.split("|") if how == "=~" else [re.escape(value)]:
                    assert any(re.fullmatch(one, each) for each in known[metric][label]), f"{metric}: {label} is never {one}"
                    found += 1
    for metric, label in re.findall(r"`(engate_\w+)` (?:by|por) `(\w+)`", page):
        assert label in known[metric], f"{metric} has no {label}"
    assert found > 10


# ---- deploy/ ----


def units() -> list[configparser.ConfigParser]:
    found = []
    for file in UNITS:
        unit = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
        unit.optionxform = str  # pyright: ignore[reportAttributeAccessIssue]
        unit.read_string(file.read_text("utf-8"))
        found.append(unit)
    return found


def test_the_services_run_commands_that_there_are() -> None:
    assert len(UNITS) == 3
    for unit, file in zip(units(), UNITS, strict=True):
        check_commands(ENGATE.findall(unit["Service"]["ExecStart"]), file.name)
        assert unit["Service"]["User"] == "engate" and unit["Service"]["EnvironmentFile"] == "/etc/engate/engate.env"
        assert unit["Service"]["NoNewPrivileges"] == "yes" and unit["Service"]["UMask"] == "0077"
    assert set(NAME.findall(text("deploy/systemd/engate.env.example"))) <= set(VARIABLES)


def compose() -> dict[str, Any]:
    return yaml.safe_load(text("deploy/compose.yaml"))


def test_the_composition_runs_commands_that_there_are_with_settings_that_there_are() -> None:
    found = compose()
    assert set(found["services"]) == {"postgres", "valkey", "api", "worker"} and found["services"]["worker"]["deploy"]["replicas"] == 2
    for name in ("api", "worker"):
        service = found["services"][name]
        check_commands([(service["command"][0], " ".join(service["command"][1:]))], name)
        assert set(service["environment"]) <= set(VARIABLES)
        assert (ROOT / "deploy" / service["build"]["context"] / service["build"]["dockerfile"]).exists()
        assert service["read_only"] and service["cap_drop"] == ["ALL"]
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", text("deploy/compose.yaml")))
    required = set(re.findall(r"(?<!\$)\$\{(\w+):\?", text("deploy/compose.yaml")))
    offered = set(re.findall(r"^(\w+)=", text("deploy/compose.env.example"), re.MULTILINE))
    assert required <= offered <= used and {name for name in used if name.startswith("ENGATE_")} <= set(VARIABLES)
    assert not re.search(r"(?:PASSWORD|KEY): *[\"']?[A-Za-z0-9+/]{8,}", text("deploy/compose.yaml")), "a secret in the file"


def test_the_image_is_made_by_make_install_and_runs_as_nobody_special() -> None:
    lines = [line for line in text("deploy/Dockerfile").replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
    told: dict[str, list[str]] = {}
    for line in lines:
        word, _, rest = line.strip().partition(" ")
        told.setdefault(word, []).append(rest)
    assert "make install PREFIX=/usr/local/engate" in told["RUN"]
    assert "COPY --from=build /usr/local/engate /usr/local/engate" in lines
    assert told["USER"] == ["engate"] and lines.index("USER engate") > max(lines.index(f"RUN {each}") for each in told["RUN"])
    copied = [name for rest in told["COPY"] if not rest.startswith("--") for name in shlex.split(rest)[:-1]]
    assert copied and all((ROOT / name).exists() for name in copied)
    ignored = text(".dockerignore").splitlines()
    assert {f"!{name}" for name in copied} == {line for line in ignored if line.startswith("!")}
    needed = set(re.findall(r"requirements-\w+\.lock", text("Makefile").partition("\ninstall:")[2].partition("\nclean:")[0]))
    assert {"Makefile", *needed} <= set(copied)
    [entry], [command] = told["ENTRYPOINT"], told["CMD"]
    assert yaml.safe_load(entry) == ["engate"]
    check_commands([(yaml.safe_load(command)[0], " ".join(yaml.safe_load(command)[1:]))], "CMD")
    assert "/health" in " ".join(told["HEALTHCHECK"])


def test_the_proxy_sets_the_limits_that_are_its_own() -> None:
    """As docs/operations.md says them."""
    site = text("deploy/nginx.conf")
    said = re.search(r"With nginx: (.*?)\.\n", text("docs/operations.md"), re.DOTALL)
    assert said
    for limit in re.findall(r"`([^`]+)`", said[1]):
        assert limit in site, limit
    assert "keepalive_timeout 4s" in site and site.count("{") == site.count("}")
    kept = re.search(r"location ~ (\S+) { return 404; }", site)
    assert kept
    for name in ("/health", "/ready", "/metrics"):  # the API answers at both
        assert re.search(kept[1], name) and re.search(kept[1], f"{name}/")
    inside = site[site.index("location /in/") :]
    assert all(f"location /in/ {{{each}" in " ".join(site.split()).replace("{ ", "{") for each in ("access_log off",))
    assert "error_log /dev/null" in inside[inside.index("error_log") :]
