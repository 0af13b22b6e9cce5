"""The application."""

from __future__ import annotations

from typing import Any

from litestar import Litestar, Request, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.middleware import DefineMiddleware

from engate.clock import Clock
from engate_api import openapi
from engate_api.auth import Caller, Keys
from engate_api.bodies import Body
from engate_api.embedded import lifespan
from engate_api.installation import Installation
from engate_api.problems import HANDLERS
from engate_api.requests import only_known
from engate_api.routes import operations
from engate_api.settings import Settings
from engate_api.subjects import SUBJECTS, UNLISTED


def create_app(settings: Settings, *, clock: Clock | None = None) -> Litestar:
    """`clock`: the engine's; real time if left out.

    The lifespan opens the installation; a server without lifespan sets `app.state.installation` itself.
    """
    return Litestar(
        route_handlers=[*(Router("/", route_handlers=each.routes, tags=[each.name]) for each in SUBJECTS), *UNLISTED],
        lifespan=[lifespan(settings, clock)],
        before_request=only_known,
        request_class=Body,
        middleware=[DefineMiddleware(Keys, exclude=["^/schema"])],
        dependencies={"installation": Provide(_installation, sync_to_thread=False), "caller": Provide(_caller, sync_to_thread=False)},
        exception_handlers=HANDLERS,
        openapi_config=openapi.config(),
        logging_config=None,
    )


def create_shown(installation: Installation) -> Litestar:
    """What a worker answers: how it is, and nothing else."""
    app = Litestar(
        route_handlers=operations.WITHOUT_KEY,
        dependencies={"installation": Provide(_installation, sync_to_thread=False)},
        exception_handlers=HANDLERS,
        openapi_config=None,
        logging_config=None,
    )
    app.state.installation = installation
    return app


def _installation(state: State) -> Installation:
    return state.installation


def _caller(request: Request[Caller, Any, Any]) -> Caller:
    return request.user
