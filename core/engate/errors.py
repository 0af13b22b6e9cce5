"""Every way a call or a record can fail, each with a code, a text for people and a hint what to do next.

The most important distinction is whether an effect may have happened: `NotSent` and `Rejected` mean that it certainly did not,
`Unknown` means that it may have. No error carries a secret: texts are built from paths, statuses and redacted bodies.
"""

from __future__ import annotations

from typing import Literal

from engate.text import Text
from engate.titles import doing

Owner = Literal["person", "storefront", "engate"]
"""Who can end the wait: a person (attention), the storefront's enrichment (awaiting), engate itself (waiting)."""

NO_HINT = Text("", "")


class EngateError(Exception):
    """The base class. `text`: what happened; `hint`: what to do (the second argument, optional): each in Portuguese and English.
    `code` is stable and dotted ("sku.gtin"); without one it is the class's own.
    """

    code = "error"
    connection_id: int | None = None
    """The connection whose call failed: set by the HTTP client, or where the hook was called."""
    hook: str = ""
    """The hook that raised it."""

    def __init__(self, text: Text, hint: Text = NO_HINT, *, code: str | None = None) -> None:
        super().__init__(text.en)
        self.text, self.hint = text, hint
        if code is not None:
            self.code = code


class NotSent(EngateError):
    """The request certainly had no effect: nothing was sent, or the platform said that it did not process it. Safe to retry."""

    code = "not_sent"


class NotYet(NotSent):
    """The plugin did not get to this item: nothing was tried, so it does not count as a try and goes on at once.

    An uncertain item stays as it was: it is looked up later.
    """

    code = "not_yet"


class RateLimited(NotSent):
    """Refused because of the rate. `retry_after`: seconds until the next try; None where the platform does not say."""

    code = "rate_limited"

    def __init__(self, text: Text, hint: Text = NO_HINT, *, retry_after: float | None = None) -> None:
        super().__init__(text, hint)
        self.retry_after = retry_after


class Unavailable(NotSent):
    """The platform cannot serve now (a read failed after all retries, a service is down). Retried later. Credentials are not the reason."""

    code = "unavailable"


class AuthFailed(NotSent):
    """The credentials were refused even after a new login: a person must renew them (health `reauth_required`)."""

    code = "auth_failed"


class Forbidden(NotSent):
    """This account may not call this operation, though its session is valid: only the flow that needs it waits for the permission.

    `operation` names what was refused, in the platform's words; it becomes part of the cause.
    """

    code = "forbidden"

    def __init__(self, text: Text, hint: Text = NO_HINT, *, operation: str = "") -> None:
        super().__init__(text, hint)
        self.operation = operation


class Unknown(EngateError):
    """The effect may have happened: a timeout, a dropped connection, a 5xx or a page of HTML after a write. Look before sending again."""

    code = "unknown"


class Rejected(EngateError):
    """A definite refusal of this record: retrying the same data cannot help. It becomes the record's cause, under its `code`. `owner`: who
    can end the wait: a person, the storefront (it has to classify something), or engate (it tries again)."""

    code = "rejected"

    def __init__(self, text: Text, hint: Text = NO_HINT, *, code: str | None = None, owner: Owner = "person") -> None:
        super().__init__(text, hint, code=code)
        self.owner: Owner = owner


class Answered(Rejected):
    """The platform answered a 4xx that the plugin did not translate; a plugin can do so by `status` and `body` (raw bytes).
    Raised by the client, with a code such as "http.404"; its text holds the body, shortened and without secrets.
    """

    def __init__(self, method: str, path: str, status: int, body: bytes, excerpt: str) -> None:
        super().__init__(
            Text(f"A plataforma recusou {method} {path}: {status} {excerpt}", f"The platform refused {method} {path}: {status} {excerpt}"),
            Text("Corrija o dado apontado na mensagem e reenvie.", "Fix what the message names, then retry."),
            code=f"http.{status}",
        )
        self.status, self.body = status, body


class CapabilityMissing(EngateError):
    """A hook that one side does not implement was called."""

    code = "capability_missing"

    def __init__(self, hook: str) -> None:
        what = doing(hook)
        super().__init__(Text(f"A plataforma não oferece: {what.pt}.", f"The platform does not offer: {what.en}."))
        self.hook = hook


class PluginFault(Unknown):
    """The plugin itself failed (an exception that is not one of these). The effect is unknown; the log has the traceback."""

    code = "plugin_fault"


class Invalid(EngateError):
    """Input from a user that cannot be accepted. `where`: the path of the field. Settings raise it in `__post_init__`."""

    code = "invalid"

    def __init__(self, text: Text, hint: Text = NO_HINT, *, where: str = "", code: str | None = None) -> None:
        super().__init__(text, hint, code=code)
        self.where = where
