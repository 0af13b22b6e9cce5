"""Every line that engate writes to its log: the one table of events and their fields. docs/logs.md is generated from it, and a test checks
each call of `engate.logs.say` against it."""

from __future__ import annotations

from typing import Literal, NamedTuple

Level = Literal["info", "warning", "error"]


class Event(NamedTuple):
    """`words`: what happened and, where it helps, what follows. `fields`: those it may have; unknown values are left out."""

    level: Level
    words: str
    fields: tuple[str, ...] = ()


class Field(NamedTuple):
    """`free`: foreign words, in which personal data and secrets are masked."""

    words: str
    free: bool = False


FIELDS: dict[str, Field] = {
    "account": Field("which platform account a call was for"),
    "address": Field("where a process answers"),
    "by": Field("who did it: the id of the API key, or `installation`"),
    "cause": Field("the code of what somebody has to see to (`GET /integrations/{id}/causes`)"),
    "changed": Field("records that a run found changed"),
    "code": Field("the stable code of the error"),
    "connection": Field("id of a connection"),
    "count": Field("how many"),
    "erp_key": Field("the ERP's number of an order"),
    "error": Field("what was wrong, in the words of whoever said so", free=True),
    "example": Field("one of them", free=True),
    "exception": Field("the traceback of a fault of engate or of a plugin, without local variables", free=True),
    "flow": Field("the flow of data"),
    "hint": Field("what to do", free=True),
    "hook": Field("the plugin's hook that was called"),
    "integration": Field("id of an integration"),
    "key": Field("id of an API key; of a record, the ERP's key"),
    "kind": Field("the kind of record; of a message, who it is for"),
    "lane": Field("the queue of one thing: of one order, one flow's reading, one kind's push"),
    "line": Field("the line of a test that did not pass"),
    "logger": Field("the library that spoke"),
    "method": Field("HTTP method"),
    "name": Field("the name a person gave"),
    "new": Field("the key it has now"),
    "observer": Field("an installed extension"),
    "old": Field("the key it had"),
    "order": Field("the shop's key of an order"),
    "orders": Field("`archive`: its open orders go on; `forget`: they are left to people"),
    "owner": Field("who can end the wait: `person`, `storefront` or `engate`"),
    "part": Field("the part of an order, from 1"),
    "path": Field("the path of a request, without the secret part of a platform's address", free=True),
    "platform": Field("the platform's key"),
    "pushed": Field("records that the storefront accepted"),
    "read": Field("records that a run read"),
    "role": Field("what a key may do"),
    "run": Field("id of a run"),
    "said": Field("the first line of the database driver's words", free=True),
    "seconds": Field("how long it took, or takes"),
    "slots": Field("lanes that a worker takes at once"),
    "state": Field("the state it is in now"),
    "target": Field("who is to be told"),
    "tenant": Field("id of a tenant"),
    "trigger": Field("what began a run: `activation`, `request`, `schedule`, `webhook`"),
    "tries": Field("tries in a row that failed"),
    "until": Field("seconds until it is tried again"),
    "what": Field("the part of it"),
    "worker": Field("the process that works: machine and process id"),
}

EVENTS: dict[str, Event] = {
    # ---- processes ----
    "serve_started": Event("info", "`engate serve` answers.", ("address",)),
    "start_waits": Event("warning", "A start waits for PostgreSQL or Redis, for so many seconds more.", ("what", "seconds", "error")),
    "serve_ended": Event("info", "`engate serve` was stopped and has put everything away."),
    "worker_started": Event("info", "A process begins to work on lanes.", ("worker", "slots")),
    "worker_ended": Event("info", "It was stopped; what it had in hand is given back.", ("worker",)),
    "worker_interrupted": Event("warning", "A part of a worker broke off and begins anew: database or Redis went away.", ("what", "error")),
    "end_cut": Event(
        "warning",
        "At the end of a process a part of it did not end in time and was let go: `http` (a client that keeps its connection), `work` "
        "(lanes), `database`. Leases run out by themselves.",
        ("what", "seconds"),
    ),
    "end_forced": Event("error", "A process that was to end had not ended after so long: it broke off, with exit code 1.", ("seconds",)),
    "runner_broke": Event("error", "The work on lanes broke off and begins anew within a second.", ("error", "exception")),
    "lane_dropped": Event(
        "error", "What a lane met could not be stored; it goes on when its lease ends.", ("lane", "integration", "error", "exception")
    ),
    "beat_failed": Event("error", "Leases could not be renewed; if that lasts, other workers take the lanes.", ("exception",)),
    "watch_failed": Event("error", "Looking after slow and cancelled slices failed; it is tried again.", ("exception",)),
    "lease_lost": Event("warning", "A lane was taken by another process meanwhile; this one stops.", ("lane", "integration")),
    "clock_set_back": Event("warning", "The clock had been ahead: what it stamped is pulled back.", ("seconds",)),
    "wake_lost": Event("warning", "Redis did not take a wake-up; workers look for themselves.", ("integration", "error")),
    "budget_alone": Event("warning", "Redis is away: each worker keeps to its share of the rates.", ("error",)),
    "upkeep_failed": Event("warning", "Statistics or the removal of old rows failed; tried again.", ("error",)),
    "database_failed": Event("error", "A request was answered 503: the database did not serve.", ("method", "path", "error", "said")),
    "request_broke": Event("error", "A request was answered 500: a fault of engate.", ("method", "path", "exception")),
    "library": Event("warning", "A library engate uses had something to say.", ("logger", "error", "exception")),
    # ---- keys and tenants ----
    "key_refused": Event(
        "warning", "A request came without a key that counts, or with one that may not do this.", ("method", "path", "code")
    ),
    "tenant_made": Event("info", "A tenant, with its first admin key.", ("by", "tenant", "name")),
    "key_made": Event("info", "An API key.", ("by", "tenant", "key", "name", "role")),
    "key_revoked": Event("info", "An API key counts no more.", ("by", "tenant", "key")),
    "key_recovered": Event("warning", "An admin key made with the installation key.", ("by", "tenant", "key", "name")),
    # ---- connections ----
    "connection_made": Event("info", "An account on a platform was configured.", ("by", "tenant", "connection", "platform", "name")),
    "connection_changed": Event("info", "Its settings, secrets, name or address changed.", ("by", "tenant", "connection", "what")),
    "connection_deleted": Event("info", "It was deleted.", ("by", "tenant", "connection")),
    "connection_tested": Event("info", "A test that a person asked for passed.", ("by", "tenant", "connection", "platform")),
    "connection_test_failed": Event("warning", "It did not pass.", ("by", "tenant", "connection", "platform", "line", "error", "hint")),
    "login_refused": Event(
        "error",
        "A platform refuses the credentials also after a new login: every lane of the connection waits for a passed test.",
        ("connection", "integration", "lane", "hook", "error"),
    ),
    "probe_failed": Event("warning", "A line of the daily test failed; it is tried again hourly.", ("connection", "line", "error")),
    "probe_broke": Event("error", "The plugin broke in a test.", ("line", "exception")),
    "facts_not_learnt": Event("warning", "The account's facts could not be learnt.", ("error",)),
    "door_failed": Event("error", "A platform's call could not be answered; it will come again.", ("connection", "code", "error")),
    "door_broke": Event("error", "A fault of engate or of the plugin while it answered a platform.", ("connection", "error", "exception")),
    "meter_failed": Event("warning", "What an answer said of its cost could not be read.", ("account", "error")),
    "call_not_kept": Event("error", "A fault of engate: the journal of calls does not have what a plugin just said.", ("error",)),
    "calls_not_kept": Event("warning", "The journal of calls was not written; where the database is away, it is tried again.", ("error",)),
    # ---- integrations ----
    "integration_made": Event("info", "Two accounts were coupled.", ("by", "tenant", "integration", "name")),
    "integration_changed": Event("info", "Its options, mapping, flows or name changed.", ("by", "tenant", "integration", "what")),
    "integration_activated": Event("info", "It went live.", ("by", "tenant", "integration", "count")),
    "integration_deactivated": Event("info", "Nothing of it is pushed or imported any more.", ("by", "tenant", "integration")),
    "integration_deleted": Event("warning", "It was deleted.", ("by", "tenant", "integration", "orders")),
    # ---- loads ----
    "run_started": Event("info", "A load that an activation or a person asked for.", ("integration", "run", "flow", "trigger")),
    "run_ended": Event(
        "info",
        "A load is over: `done`, `failed` (a list was too short) or `cancelled`. Scheduled ones that changed nothing are not told.",
        ("integration", "run", "flow", "trigger", "state", "read", "changed", "pushed", "seconds"),
    ),
    "sku_key_changed": Event("info", "The ERP calls a SKU otherwise; its link moved along.", ("integration", "old", "new")),
    "items_left_out": Event("error", "Items that do not say which record they are.", ("integration", "kind", "count", "example")),
    "records_unreadable": Event(
        "error", "Stored records cannot be read; they are read from the ERP again.", ("integration", "kind", "count")
    ),
    "push_uncheckable": Event("error", "A plugin began an operation that it cannot ask for.", ("kind", "hook")),
    "item_broke": Event("error", "The plugin broke on one record; the others went on.", ("kind", "key", "exception")),
    # ---- slices of work ----
    "slice_failed": Event(
        "warning",
        "A piece of work met an error and is tried again: its lane backs off.",
        ("integration", "connection", "lane", "hook", "tries", "until", "code", "error"),
    ),
    "slice_stopped": Event(
        "warning",
        "A piece of work took longer than `slice_most` and was ended; its lane backs off.",
        ("integration", "connection", "lane", "hook", "tries", "until"),
    ),
    "slice_broke": Event(
        "error", "A fault of engate; the lane backs off.", ("integration", "connection", "lane", "hook", "tries", "until", "exception")
    ),
    "slice_slow": Event("warning", "A hook has not come back for long; it shows as health.", ("integration", "lane", "hook", "seconds")),
    # ---- orders ----
    "order_taken_in": Event("info", "An order of the shop is stored here for the first time.", ("integration", "order", "state")),
    "order_in_erp": Event("info", "A part of it is in the ERP.", ("integration", "order", "part", "erp_key")),
    "order_uncertain": Event(
        "warning",
        "The ERP did not answer an import: it is looked for before anything is sent again.",
        ("integration", "order", "part", "error"),
    ),
    "order_moved": Event("info", "It came to another state.", ("integration", "order", "state")),
    "order_waits": Event(
        "warning", "It cannot go on, and why; `person`: somebody must see to it.", ("integration", "order", "cause", "owner", "error")
    ),
    "order_unreadable": Event("error", "Its stored document cannot be read; it is read from the shop again.", ("integration", "order")),
    # ---- letters and observers ----
    "message_failed": Event(
        "warning", "A letter or message did not go; it is tried again.", ("integration", "kind", "target", "tries", "error")
    ),
    "message_broke": Event("error", "One could not be made.", ("integration", "kind", "error")),
    "outbox_given_up": Event(
        "error", "They are tried no more until a person asks for it.", ("integration", "kind", "target", "count", "error")
    ),
    "observer_hangs": Event("error", "An extension did not come back in time.", ("observer", "hook")),
    "observer_failed": Event("error", "An extension broke.", ("observer", "hook", "exception")),
    # ---- plugins ----
    "platform_not_loaded": Event("warning", "An installed plugin is left out.", ("platform", "error")),
    "observer_not_loaded": Event("warning", "An installed extension is left out.", ("observer", "error")),
    "plugin_fault": Event("error", "A plugin broke: tell its author.", ("hook", "exception")),
    "plugin_items_broken": Event("error", "A plugin built items wrongly; each is held back on its own.", ("hook", "count", "example")),
}
