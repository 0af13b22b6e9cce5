"""engate: couples any ERP to any storefront. What a plugin author needs is importable from here and from `engate.model`."""

from engate.answers import Response
from engate.context import Context
from engate.door import Asked, Desk, Known, Note, Placed, Reply, Sight, Whole, Wholes, WholeSku
from engate.errors import (
    Answered,
    AuthFailed,
    EngateError,
    Forbidden,
    Invalid,
    NotSent,
    NotYet,
    PluginFault,
    RateLimited,
    Rejected,
    Unavailable,
    Unknown,
)
from engate.hooks import Erp, Observer, Storefront, batch
from engate.http import Auth, Http, Token
from engate.limits import Meter, Rate
from engate.plugins import Manifest
from engate.settings import Secret, called, field
from engate.text import Text

__all__ = [
    "Answered", "Asked", "Auth", "AuthFailed", "Context", "Desk", "EngateError", "Erp", "Forbidden", "Http", "Invalid", "Known", "Manifest",
    "Meter", "NotSent", "NotYet", "Note", "Observer", "Placed", "PluginFault", "Rate", "RateLimited", "Rejected", "Reply", "Response",
    "Secret", "Sight", "Storefront", "Text", "Token", "Unavailable", "Unknown", "Whole", "WholeSku", "Wholes", "batch", "called", "field",
]  # fmt: skip
