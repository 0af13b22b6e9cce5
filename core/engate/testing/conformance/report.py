"""The report that a plugin's author publishes: the hooks it offers and the outcome of each check. It names no account or address."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from engate.plugins import Manifest, implemented
from engate.testing.conformance.live import Result

ROLES = {"erp": "ERP", "storefront": "storefront"}


class About(msgspec.Struct, frozen=True):
    """What was tried."""

    platform: str
    name: str
    role: str
    plugin: str  # the distribution
    version: str
    engate: str
    hook_api: int
    hooks: tuple[str, ...]
    at: datetime

    @classmethod
    def of(cls, manifest: Manifest, plugin: tuple[str, str], engate: str, at: datetime) -> About:
        """`plugin`: its distribution and version."""
        hooks = tuple(sorted(implemented(manifest.connection_class())))
        return cls(manifest.key, manifest.name, manifest.role, *plugin, engate, manifest.hook_api, hooks, at)


def counted(results: Sequence[Result]) -> dict[str, int]:
    return {state: sum(result.state == state for result in results) for state in ("ok", "failed", "not tried")}


def markdown(about: About, results: Sequence[Result]) -> str:
    counts = ", ".join(f"{count} {state}" for state, count in counted(results).items())
    lines = [
        f"# {about.name}: conformance",
        "",
        f"- plugin: {about.plugin} {about.version} (platform `{about.platform}`, {ROLES[about.role]})",
        f"- engate {about.engate}, hook API {about.hook_api}",
        f"- on {about.at:%Y-%m-%d}, on an account: {counts}",
        f"- hooks: {', '.join(f'`{hook}`' for hook in about.hooks)}",
        "",
        "| hook | check | | seconds | why |",
        "| --- | --- | --- | --- | --- |",
    ]
    for result in results:
        took = f"{result.seconds:.2f}" if result.state != "not tried" else ""
        lines.append(f"| {result.hook} | {result.check} | {result.state} | {took} | {_cell(result.why)} |")
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
