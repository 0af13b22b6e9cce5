"""Writes what is generated into the READMEs: the capability table per platform. `make docs` runs it; a test fails when it is stale."""

from __future__ import annotations

import re
from pathlib import Path

from engate import hooks
from engate.plugins import Manifest, discover, implemented
from engate.sync.flows import FLOWS, Flow

ROOT = Path(__file__).resolve().parent.parent
READMES = {"README.md": "en", "README.pt-BR.md": "pt"}
WORDS = {
    "en": {"flow": "Flow", "erp": "ERP", "storefront": "storefront", "without": "without"},
    "pt": {"flow": "Carga", "erp": "ERP", "storefront": "loja", "without": "sem"},
}
PLACE = re.compile(r"(<!-- capabilities -->\n).*?(<!-- /capabilities -->)", re.DOTALL)


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
        lines.append(f"| {title} (`{flow.name}`) | " + " | ".join(cell(flow, manifest, words["without"]) for manifest in found) + " |")
    return "\n".join(lines) + "\n"


def cell(flow: Flow, manifest: Manifest, without: str) -> str:
    side = vars(hooks.Erp if manifest.role == "erp" else hooks.Storefront)
    can = implemented(manifest.connection_class())
    if any(name in side and name not in can for name in flow.needs):
        return "–"
    lacking = [f"`{name}`" for name in flow.uses if name in side and name not in can]
    return "✓" + (f" ({without} {', '.join(lacking)})" if lacking else "")


def rendered(text: str, language: str) -> str:
    """The README with the table as it should be."""
    made, places = PLACE.subn(lambda found: found[1] + table(language) + found[2], text)
    if places != 1:
        raise ValueError(f"{places} places for the capability table instead of 1")
    return made


if __name__ == "__main__":
    for name, language in READMES.items():
        file = ROOT / name
        file.write_text(rendered(file.read_text("utf-8"), language), "utf-8")
