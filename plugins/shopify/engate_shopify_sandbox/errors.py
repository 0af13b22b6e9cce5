"""The two kinds of refusal: top-level `errors` (the request), and `userErrors` inside a payload (the business)."""

from __future__ import annotations

from typing import Any, TypedDict

from graphql import GraphQLError

LIMITS = "https://shopify.dev/api/usage/limits"


class UserError(TypedDict, total=False):
    code: str | None
    field: list[str] | None
    message: str
    elementIndex: int | None


def refuse(code: str, message: str, **more: Any) -> GraphQLError:
    """For `raise`: an entry of the answer's `errors` with `extensions.code`."""
    return GraphQLError(message, extensions={"code": code, **more})


def user_error(field: str | list[str] | None, message: str, code: str | None = None) -> UserError:
    """`field`: the path from the argument on, "input.quantities.3.quantity"."""
    return UserError(field=field.split(".") if isinstance(field, str) else field, message=message, code=code)


class Invalid(Exception):
    """Raised inside a mutation to end it with user errors and no effect."""

    def __init__(self, *errors: UserError) -> None:
        super().__init__(errors[0].get("message"))
        self.errors = list(errors)
