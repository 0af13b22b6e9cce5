"""Calls to the account: one client per VTEX host, with the credentials as headers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engate import Context, Http, Meter, Response, Text, Unavailable
from engate_vtex.endpoints import Endpoint, rates
from engate_vtex.settings import VtexSettings


def credits_left(answer: Response) -> Meter | None:
    """Pricing says how many burst credits of the route are left; other systems of the account spend them too. How fast they come back and
    how many we leave free stays as configured. The header is optional."""
    left = answer.headers.get("ratelimit-remaining", "")
    return Meter(remaining=float(left)) if left.isdigit() else None


class Vtex:
    """Calls to one account. Raises what `engate.Http.call` raises."""

    def __init__(self, context: Context) -> None:
        settings: VtexSettings = context.settings
        headers = {"x-vtex-api-appkey": settings.app_key.reveal(), "x-vtex-api-apptoken": settings.app_token.reveal()}
        budgets = rates(settings.rates)

        def host(address: str, **more: Any) -> Http:
            return context.http(address, rates=budgets, at_once=settings.at_once, headers=headers, **more)

        self.settings = settings
        self._hosts: dict[str, Http] = {
            "commerce": host(settings.base_url or f"https://{settings.account}.{settings.environment}.com.br"),
            "pricing": host(settings.pricing_url or f"https://api.vtex.com/{settings.account}", meter=credits_left),
            "payments": host(settings.payments_url or f"https://{settings.account}.vtexpayments.com.br"),
        }

    async def find(self, endpoint: Endpoint, **given: Any) -> dict[str, Any] | None:
        """What is asked for; None where VTEX has none. It says so by 404, by an empty answer, or by null with 200."""
        answer = await self.call(endpoint, expect=(404,), **given)
        return None if answer.status == 404 or not answer.body else answer.json(dict[str, Any] | None)

    async def call(
        self,
        endpoint: Endpoint,
        *,
        query: Mapping[str, str | int] | None = None,
        body: object = None,
        expect: tuple[int, ...] = (),
        **parts: str | int,
    ) -> Response:
        """`parts` fill the path's {names}; `expect`: statuses to hand back besides 2xx."""
        answer = await self._hosts[endpoint.host].call(
            endpoint.method,
            endpoint.at(**parts),
            operation=endpoint.path,
            groups=endpoint.groups,
            params=query,
            body=body,
            safe=endpoint.safe,
            expect=expect,
            media="",  # several VTEX operations answer text/plain or nothing; HTML is still refused
        )
        if answer.html and answer.status in expect:  # a proxy's page: it must not read as "there is none"
            raise Unavailable(
                Text(
                    f"Uma página respondeu no lugar da VTEX ({answer.status} em {endpoint.path}).",
                    f"A page answered in VTEX's place ({answer.status} at {endpoint.path}).",
                ),
                Text("O engate tenta de novo sozinho.", "engate tries again by itself."),
            )
        return answer
