"""The body of a request, whatever somebody sends."""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.exceptions import ClientException


class Body(Request[Any, Any, Any]):
    """Text in another encoding, or nested beyond all bounds, is the sender's fault as much as text that is no JSON."""

    async def json(self) -> Any:
        try:
            return await super().json()
        except UnicodeDecodeError:
            raise ClientException from ValueError("JSON is UTF-8 / O JSON deve estar em UTF-8")
        except RecursionError:
            raise ClientException from ValueError("nested too deeply / níveis demais")
