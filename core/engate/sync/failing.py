"""A slice that failed or hangs: what is shown of it, what waits for whom, and when it is tried again. Every failure is shown."""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa

from engate.domain import reasons
from engate.domain.reasons import Reason
from engate.domain.snapshot import Snapshot
from engate.errors import AuthFailed, EngateError, Forbidden, Unavailable
from engate.hooks import Erp, Observer
from engate.logs import say
from engate.observers import Observers
from engate.store import causes, config, health, lanes, orders, runs, waits
from engate.store.broken import Broken
from engate.store.health import Trouble
from engate.store.lanes import Claim
from engate.sync.lanes import flow_of, order_of
from engate.sync.outbox import KeyedOrder, Outlet, order_waits
from engate.sync.work import Delays
from engate.text import Text
from engate.titles import doing

REAUTH_WAIT = 60.0
PATIENCE = 2
"""So many tries of a lane may fail before people are told: short outages of platforms are common."""

FORBIDDEN = "forbidden"
FAILING = "order.failing"
SLOW = "slow"


class Failed(NamedTuple):
    """One slice that did not end well. `hook`: what it called last."""

    claim: Claim
    snapshot: Snapshot
    hook: str
    error: Exception
    observers: Observers

    @property
    def side(self) -> int | None:
        """The connection to blame: the one that the client named, else the one whose hook failed. None for errors of the database."""
        if isinstance(self.error, Broken):
            return None
        known = self.error.connection_id if isinstance(self.error, EngateError) else None
        return known if known is not None else side_of(self.snapshot, self.hook)


def side_of(snapshot: Snapshot, hook: str) -> int | None:
    """The connection that this hook belongs to. None: it belongs to no platform."""
    if not hook or hasattr(Observer, hook):
        return None
    (erp, _), (storefront, _) = snapshot.sides
    return erp if hasattr(Erp, hook) else storefront


def back_off(failed: Failed, delays: Delays, now: float) -> float:
    """When the lane may be tried again."""
    claim, error = failed.claim, failed.error
    if isinstance(error, AuthFailed):
        return now + REAUTH_WAIT
    if isinstance(error, Forbidden) and order_of(claim.name) is None:
        return now + delays.forbidden_wait  # only a person can grant it
    return now + delays.pause(claim.tries)


class Told(NamedTuple):
    """Fields of every log line about a slice."""

    integration: int
    lane: str
    hook: str | None
    tries: int
    connection: int | None


def tell(failed: Failed, seconds: float) -> None:
    """The line in the log. `seconds`: until the lane is tried again."""
    claim, error = failed.claim, failed.error
    about = Told(claim.integration_id, claim.name, failed.hook or None, claim.tries, failed.side)
    if isinstance(error, AuthFailed):
        say("login_refused", connection=failed.side, integration=about.integration, lane=about.lane, hook=about.hook, error=error.text.en)
    elif not isinstance(error, EngateError):
        say("slice_broke", **about._asdict(), until=round(seconds, 1), exc_info=error)
    elif error.code == SLOW:
        say("slice_stopped", **about._asdict(), until=round(seconds, 1))
    else:
        say("slice_failed", **about._asdict(), until=round(seconds, 1), code=error.code, error=error.text.en)


def keep(c: sa.Connection, lease: str, failed: Failed, until: float, now: float) -> None:
    """The lane backs off, and health and causes say why. Does nothing if another process has the lane by now."""
    claim, error, side = failed.claim, failed.error, failed.side
    if not lanes.back_off(c, claim, lease, until):
        return
    if isinstance(error, AuthFailed):
        if side is not None:
            health.refused(c, side, runs.error_of(error))
        return
    if not isinstance(error, Unavailable | Forbidden) and claim.tries <= PATIENCE:
        return
    reason = _reason(failed)
    told = runs.error_of(error) if isinstance(error, EngateError) else _said("engate_fault", _broke(failed.hook), WATCHED)
    waits = reason is not None and _wait(c, failed, reason, now)
    health.met(c, claim.id, Trouble(side, told, reason.key if waits and reason else None))


def _reason(failed: Failed) -> Reason | None:
    """The cause that a person or engate has to end, if something waits for it."""
    error, order_key = failed.error, order_of(failed.claim.name)
    if isinstance(error, Forbidden):
        subject = f"{failed.side}/{error.operation or failed.hook}"
        return reasons.own(FORBIDDEN, subject, error.text, error.hint if error.hint.pt else _grant(error.operation, failed.hook))
    if order_key is not None and failed.claim.tries > PATIENCE:
        text = error.text if isinstance(error, EngateError) else _broke(failed.hook)
        return reasons.own(FAILING, order_key, text, WATCHED, "engate")
    return None


def _wait(c: sa.Connection, failed: Failed, reason: Reason, now: float) -> bool:
    """Points the order, or else the flow, to the cause. False: neither, because the order already waits for another cause."""
    claim, order_key = failed.claim, order_of(failed.claim.name)
    if order_key is not None:
        known = waits.of_order(c, claim.integration_id, order_key)
        if known is not None:
            if known.key not in (None, reason.key) and (known.owner == "person" or reason.code != FORBIDDEN):
                return False
            row = orders.OrderRow(claim.tenant_id, claim.integration_id, known.id)
            outlet = Outlet(failed.observers, claim.tenant_id, claim.integration_id)
            order_waits(c, outlet, KeyedOrder(row, order_key), reason, now)
            return True
        if reason.code != FORBIDDEN:
            return False  # the order is not stored yet, and the flow of orders itself is well
    cause_id = causes.ensure(c, claim.tenant_id, claim.integration_id, {reason}, now)[reason.key]
    config.set_flow(c, claim.integration_id, flow_of(claim.name), cause_id=cause_id)
    return True


# ---- while it hangs ----


def slow(snapshot: Snapshot, hook: str, seconds: float) -> Trouble:
    """A slice that has not ended for so long."""
    who = Text("A extensão", "The extension") if hasattr(Observer, hook) else Text("A plataforma", "The platform")
    what = doing(hook)
    text = Text(
        f"{who.pt} está lenta: {what.pt} ainda não terminou, há {seconds:.0f} s.",
        f"{who.en} is slow: {what.en} has not ended for {seconds:.0f} s.",
    )
    return Trouble(side_of(snapshot, hook), _said(SLOW, text, PATIENT))


def overstayed(hook: str, seconds: float) -> Unavailable:
    """A slice that was ended because it took too long."""
    what = doing(hook)
    text = Text(
        f"A plataforma está lenta: {what.pt} levou mais de {seconds:.0f} s e foi interrompido.",
        f"The platform is slow: {what.en} took more than {seconds:.0f} s and was ended.",
    )
    ours = Text(f"Uma etapa não terminou em {seconds:.0f} s e foi encerrada.", f"A step was not done in {seconds:.0f} s and was ended.")
    return Unavailable(text if hook else ours, PATIENT if hook else WATCHED, code=SLOW)


PATIENT = Text(
    "O engate tenta de novo sozinho; se durar, avise o suporte da plataforma.",
    "engate tries again by itself; if it lasts, tell the platform's support.",
)
WATCHED = Text(
    "O engate tenta de novo sozinho; se durar, veja o log do engate.", "engate tries again by itself; if it lasts, see engate's log."
)


def _broke(hook: str) -> Text:
    what = doing(hook)
    return Text(f"O engate falhou ao {what.pt}.", f"engate failed while {what.en}.")


def _grant(operation: str, hook: str) -> Text:
    """What to grant. `operation`: what the platform refused, in its words; "": says what engate was doing (`hook`)."""
    pt, en = (operation, operation) if operation else (doing(hook).pt, doing(hook).en)
    return Text(
        f"Dê ao usuário da conexão a permissão para {pt} e peça nova tentativa.",
        f"Give the connection's user the permission for {en}, then ask for a retry.",
    )


def _said(code: str, text: Text, hint: Text) -> dict[str, Any]:
    return runs.error_of(EngateError(text, hint, code=code))
