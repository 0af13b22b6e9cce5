"""Writes what is generated: the capability table of the READMEs, the table of settings, the pages of traps, of refusals, of the log, and
the reference (`reference.py`). `make docs` runs it; tests fail when one is stale."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from engate import hooks
from engate.domain.flows import FLOWS, Flow
from engate.log_events import EVENTS, FIELDS
from engate.plugins import Manifest, discover, fetched, implemented
from engate_api.demo.command import side
from engate_api.demo.steps import STEPS, refusals
from engate_api.environment import VARIABLES

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from docs import reference  # noqa: E402
from tests.traps import TRAPS  # noqa: E402

READMES = {"README.md": "en", "README.pt-BR.md": "pt"}
WORDS = {
    "en": {"flow": "Flow", "erp": "ERP", "storefront": "storefront", "without": "without", "calls": "the shop calls engate"},
    "pt": {"flow": "Carga", "erp": "ERP", "storefront": "loja", "without": "sem", "calls": "a loja chama o engate"},
}
PLACE = re.compile(r"(<!-- capabilities -->\n).*?(<!-- /capabilities -->)", re.DOTALL)
PRODUCTION = {"docs/production.md": "en", "docs/production.pt-BR.md": "pt"}
SETTINGS = re.compile(r"(<!-- settings -->\n).*?(<!-- /settings -->)", re.DOTALL)


def table(language: str) -> str:
    """One row a flow, one column a platform: ✓ where it implements what the flow needs of its side, and which optional hook it lacks."""
    words = WORDS[language]
    found = sorted((each.manifest for each in discover().values() if each.manifest), key=lambda manifest: (manifest.role, manifest.name))
    lines = [
        f"| {words['flow']} | " + " | ".join(f"{manifest.name} ({words[manifest.role]})" for manifest in found) + " |",
        "| --- |" + " --- |" * len(found),
    ]
    for flow in FLOWS.values():
        title = getattr(flow.title, language)
        lines.append(f"| {title} (`{flow.name}`) | " + " | ".join(cell(flow, manifest, words) for manifest in found) + " |")
    return "\n".join(lines) + "\n"


def cell(flow: Flow, manifest: Manifest, words: dict[str, str]) -> str:
    side = vars(hooks.Erp if manifest.role == "erp" else hooks.Storefront)
    connection = manifest.connection_class()
    can, calls_us = implemented(connection), fetched(connection)
    if any(name in side and name not in can | calls_us for name in flow.needs):
        return "–"
    lacking = [f"`{name}`" for name in flow.uses if name in side and name not in can]
    said = [words["calls"]] if any(name in calls_us and name not in can for name in flow.needs) else []
    said += [f"{words['without']} {', '.join(lacking)}"] if lacking else []
    return "✓" + (f" ({'; '.join(said)})" if said else "")


def rendered(text: str, language: str) -> str:
    """The README with the table as it should be."""
    made, places = PLACE.subn(lambda found: found[1] + table(language) + found[2], text)
    if places != 1:
        raise ValueError(f"{places} places for the capability table instead of 1")
    return made


def settings(language: str) -> str:
    """One row a variable of the environment."""
    lines = ["| variável | sem ela | |" if language == "pt" else "| variable | default | |", "| --- | --- | --- |"]
    for name, variable in VARIABLES.items():
        default = f"`{variable.default}`" if variable.default else "–"
        secret = {"pt": " **Segredo.**", "en": " **Secret.**"}[language] if variable.secret else ""
        lines.append(f"| `{name}` | {default} | {getattr(variable.text, language)}.{secret} |")
    return "\n".join(lines) + "\n"


def with_settings(text: str, language: str) -> str:
    """The page with the table of the environment as it should be."""
    made, places = SETTINGS.subn(lambda found: found[1] + settings(language) + found[2], text)
    if places != 1:
        raise ValueError(f"{places} places for the table of settings instead of 1")
    return made


def traps() -> str:
    """docs/traps.md: a section a platform, one row a trap with the tests that notice."""
    lines = [
        "# Traps",
        "",
        "What goes wrong with each platform when a connector does not know it, from the platforms' own documentation and from people who",
        "integrated them before. Behind each stands a guard in the code and at least one test over HTTP that turns red without it;",
        "`make mutants` takes the guards away one by one to see it happen. Generated from `tests/traps.py` by `make docs`.",
    ]
    for platform in dict.fromkeys(trap.id.partition(".")[0] for trap in TRAPS):
        lines += ["", f"## {platform}", "", "| id | what goes wrong | guarded in | tests |", "| --- | --- | --- | --- |"]
        for trap in TRAPS:
            if trap.id.startswith(f"{platform}."):
                tests = "<br>".join(f"`{test.rpartition('/')[2]}`" for test in trap.tests)
                lines.append(f"| `{trap.id}` | {trap.words} | `{trap.file}` | {tests} |")
    return "\n".join(lines) + "\n"


def refused() -> str:
    """docs/refusals.md: one row a step of the demo, one column a pair."""
    found = [each.manifest for each in discover().values() if each.manifest]
    erps, storefronts = ([each for each in found if each.role == role] for role in ("erp", "storefront"))
    pairs = sorted((erp, storefront) for erp in (each.key for each in erps) for storefront in (each.key for each in storefronts))
    columns = [(erp, storefront, refusals(side(erp), side(storefront))) for erp, storefront in pairs]
    lines = [
        "# Refusals",
        "",
        "What `engate demo` shows of each pair, and what it refuses because a plugin does not implement a hook that the step needs. It",
        "says so of any two platforms, also of those that are not here, and goes on. A shop that shows no SKU without an image needs an",
        "ERP that has images: nothing of it could be sold. What an account does not offer though its plugin could is no such refusal: it",
        "ends a demo with exit code 1.",
        "Generated from the steps' table (`api/engate_api/demo/steps.py`) and the plugins by `make docs`.",
        "",
        "| step | " + " | ".join(f"{erp} → {storefront}" for erp, storefront, _ in columns) + " |",
        "| --- |" + " --- |" * len(columns),
    ]
    for step in STEPS:
        cells = [f"refused: {why[step.name]}" if step.name in why else "✓" for _, _, why in columns]
        lines.append(f"| {step.words} (`{step.name}`) | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def lines_of_the_log() -> str:
    """docs/logs.md: the events, and what their fields mean."""
    lines = [
        "# Logs",
        "",
        "Every line that engate writes to stderr. Text, or with `ENGATE_LOG_FORMAT=json` one object a line with `event`,",
        "`level`, `timestamp` (UTC) and the fields below; one that is not known is left out. `ENGATE_LOG_LEVEL` says from which level on.",
        "Generated from the table in `core/engate/log_events.py` by `make docs`.",
        "",
        "| event | level | what happened | fields |",
        "| --- | --- | --- | --- |",
    ]
    for name, event in EVENTS.items():
        lines.append(f"| `{name}` | {event.level} | {event.words} | {', '.join(f'`{field}`' for field in event.fields)} |")
    lines += [
        "",
        "## Fields",
        "",
        "*masked*: words from elsewhere, in which personal data and secrets are masked.",
        "",
        "| field | |",
        "| --- | --- |",
    ]
    lines += [f"| `{name}` | {field.words}{' (masked)' if field.free else ''} |" for name, field in FIELDS.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    (ROOT / "docs/logs.md").write_text(lines_of_the_log(), "utf-8")
    (ROOT / "docs/refusals.md").write_text(refused(), "utf-8")
    (ROOT / "docs/traps.md").write_text(traps(), "utf-8")
    (ROOT / "docs/reference.md").write_text(reference.page(), "utf-8")
    for name, language in READMES.items():
        file = ROOT / name
        file.write_text(rendered(file.read_text("utf-8"), language), "utf-8")
    for name, language in PRODUCTION.items():
        file = ROOT / name
        file.write_text(with_settings(file.read_text("utf-8"), language), "utf-8")
