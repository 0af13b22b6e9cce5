"""What a resolver knows of the request it serves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engate_shopify_sandbox.access import Token
from engate_shopify_sandbox.errors import refuse
from engate_shopify_sandbox.shop import Shop

if TYPE_CHECKING:
    from engate_shopify_sandbox.bulk import Bulk
    from engate_shopify_sandbox.webhooks import Webhooks


@dataclass
class Context:
    shop: Shop
    token: Token
    webhooks: Webhooks
    bulk: Bulk
    host: str = ""  # where this sandbox listens
    in_bulk: bool = False

    def need_scope(self, where: str, *any_of: str) -> None:
        """FACTS section 2: what a field asks; the write scope contains the read scope."""
        if not any(self.token.may(scope) for scope in any_of):
            wanted = " or ".join(f"`{scope}`" for scope in any_of)
            raise refuse(
                "ACCESS_DENIED",
                f"Access denied for {where} field. Required access: {wanted} access scope.",
                documentation="https://shopify.dev/api/usage/access-scopes",
                requiredAccess=f"{wanted} access scope.",
            )

    def need_protected_data(self, what: str) -> None:
        if not self.shop.settings.protected_data:
            raise refuse(
                "ACCESS_DENIED",
                f"This app is not approved to access the {what} object. "
                "See https://shopify.dev/docs/apps/launch/protected-customer-data for more details.",
                documentation="https://shopify.dev/docs/apps/launch/protected-customer-data",
            )
