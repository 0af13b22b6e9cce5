"""The application."""

from __future__ import annotations

from typing import Any

from litestar import Litestar, Request
from litestar.datastructures import State
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from engate.clock import Clock
from engate_api.auth import Caller, Keys
from engate_api.bodies import Body
from engate_api.embedded import lifespan
from engate_api.installation import Installation
from engate_api.problems import HANDLERS
from engate_api.requests import only_known
from engate_api.routes import (
    activation,
    audit,
    buyers,
    connections,
    deliveries,
    door,
    integrations,
    keys,
    link_sheets,
    links,
    mail,
    mapping,
    operations,
    orders,
    platforms,
    readiness,
    runs,
    search,
    summary,
    tenants,
)
from engate_api.settings import Settings

RESOURCES = (
    tenants,
    keys,
    platforms,
    connections,
    integrations,
    mapping,
    mail,
    readiness,
    activation,
    runs,
    summary,
    search,
    link_sheets,
    links,
    orders,
    operations,
    deliveries,
    audit,
    buyers,
    door,
)


def create_app(settings: Settings, *, clock: Clock | None = None) -> Litestar:
    """`clock`: the engine's; real time if left out.

    The lifespan opens the installation; a server without lifespan sets `app.state.installation` itself.
    """
    return Litestar(
        route_handlers=[handler for resource in RESOURCES for handler in resource.ROUTES],
        lifespan=[lifespan(settings, clock)],
        before_request=only_known,
        request_class=Body,
        middleware=[DefineMiddleware(Keys, exclude=["^/schema"])],
        dependencies={"installation": Provide(_installation, sync_to_thread=False), "caller": Provide(_caller, sync_to_thread=False)},
        exception_handlers=HANDLERS,
        openapi_config=OpenAPIConfig(
            title="engate",
            version="1",
            description="Couples any ERP to any storefront.",
            use_handler_docstrings=True,
            security=[{"key": []}],
            components=Components(security_schemes={"key": SecurityScheme(type="http", scheme="bearer")}),
        ),
        logging_config=None,
    )


def _installation(state: State) -> Installation:
    return state.installation


def _caller(request: Request[Caller, Any, Any]) -> Caller:
    return request.user
