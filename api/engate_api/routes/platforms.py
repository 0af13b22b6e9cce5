"""The installed platforms: what their connections need, and which hooks they implement."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import get
from litestar.di import NamedDependency

from engate.plugins import Platform, fetched, implemented
from engate.settings import json_schema
from engate_api.auth import reader
from engate_api.installation import Installation
from engate_api.problems import documented
from engate_api.requests import Items


class PlatformView(msgspec.Struct):
    """`settings_schema`: JSON Schema, secrets are `writeOnly`. `hooks`: what its plugin implements; `fetches`: what its accounts can do by
    calling engate instead. `order_fields_schema`: what an ERP takes in the mapping's `channels`. `failure`: why it could not be loaded."""

    key: str
    name: str
    role: str | None
    settings_schema: dict[str, Any] | None
    hooks: list[str]
    fetches: list[str]
    order_fields_schema: dict[str, Any] | None
    failure: str | None


@get("/platforms", summary="Installed platforms", guards=[reader], responses=documented(401, 403))
async def list_platforms(installation: NamedDependency[Installation]) -> Items[PlatformView]:
    return Items([_shown(platform) for _, platform in sorted(installation.registry.platforms.items())])


def _shown(platform: Platform) -> PlatformView:
    manifest = platform.manifest
    if manifest is None:
        return PlatformView(platform.key, platform.key, None, None, [], [], None, platform.failure)
    connection = manifest.connection_class()
    hooks, fetches = sorted(implemented(connection)), sorted(fetched(connection))
    asked = json_schema(manifest.order_fields) if manifest.order_fields is not None else None
    return PlatformView(manifest.key, manifest.name, manifest.role, json_schema(manifest.settings), hooks, fetches, asked, None)


ROUTES = [list_platforms]
