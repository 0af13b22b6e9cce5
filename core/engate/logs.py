"""Logs: one line for each event, from the table in `log_events`; never local variables (a traceback's locals hold secrets). Personal data
and what looks like a secret are masked in foreign words."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable
from typing import Any

import structlog
from stdnum.br import cnpj, cpf

from engate.log_events import EVENTS, FIELDS

Lines = list[tuple[str, dict[str, Any]]]
PENDING = "engate lines"
MASK = "***"


def say(name: str, /, **fields: Any) -> None:
    """Writes a line at the level of its event. Fields that are None are left out. `exc_info`: the exception, if it is a fault."""
    known = {field: value for field, value in fields.items() if value is not None}
    structlog.get_logger("engate").log(LEVELS[EVENTS[name].level], name, **known)


def say_after(c: Any, name: str, /, **fields: Any) -> None:
    """The same, once this connection's transaction has committed."""
    waiting: Lines | None = c.info.get(PENDING)
    if waiting is None:
        say(name, **fields)
    else:
        waiting.append((name, dict(fields)))


def say_all(lines: Lines) -> None:
    for name, fields in lines:
        say(name, **fields)


LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure(level: str = "INFO", *, json: bool = False) -> None:
    """Sets up logging to stderr. Tracebacks are plain: file, line, message."""
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if json
        else structlog.dev.ConsoleRenderer(colors=False, sort_keys=False, exception_formatter=structlog.dev.plain_traceback)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _masked,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # looked up then: stderr may be replaced and closed later
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [*(each for each in root.handlers if not isinstance(each, _Library)), _Library(logging.WARNING)]


class _Library(logging.Handler):
    """Writes messages of libraries as lines of the same form."""

    def emit(self, record: logging.LogRecord) -> None:
        raised = record.exc_info[1] if record.exc_info else None
        say("library", logger=record.name, error=record.getMessage(), exc_info=raised)


# ---- what must not be in a log ----


def _masked(_logger: Any, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    for name, value in line.items():
        known = FIELDS.get(name)
        if isinstance(value, str) and (known is None or known.free) and name not in OURS:
            line[name] = masked(value)
    return line


OURS = ("event", "level", "timestamp")


MOST = 16_000
"""Characters of one text: strangers choose some texts (a path), and every pattern reads all of it."""


def masked(words: str) -> str:
    return _without(words, PATTERNS)


def without_secrets(words: str) -> str:
    """Masks only what looks like a secret. Most texts hold no sign of one, which is checked first in a hundredth of the time."""
    lowered = words.lower()
    return _without(words, SECRETS) if any(sign in lowered for sign in SIGNS) else words[:MOST]


SIGNS = (
    "passw", "senha", "secret", "token", "authorization", "bearer", "basic", "apikey", "api_key", "api-key", "appkey", "app_key", "app-key",
    "://", "/in/", "eng_", "shp", "eyj",
)  # fmt: skip
"""Every match of a pattern in `SECRETS` holds one of these."""


def _without(words: str, patterns: tuple[tuple[re.Pattern[str], Put], ...]) -> str:
    words = words if len(words) <= MOST else f"{words[:MOST]}…"
    for pattern, put in patterns:
        words = pattern.sub(put, words)
    return words


def _document(found: re.Match[str]) -> str:
    """Masks eleven or fourteen digits only if their check digits are right: a CPF or CNPJ."""
    return MASK if cpf.is_valid(found[0]) or cnpj.is_valid(found[0]) else found[0]


Put = str | Callable[[re.Match[str]], str]
NAMED = r"password|passwd|senha|secret|token|api[_-]?key|app[_-]?key|authorization"
VALUE = r"\"[^\"]{0,500}\"?|'[^']{0,500}'?|[^\s\"',;&}]{1,500}"
# each pattern has a rare beginning and bounded repeats, so that no text makes it slow
SECRETS: tuple[tuple[re.Pattern[str], Put], ...] = (
    (re.compile(r"(?<=://)[^/\s@]{1,300}(?=@)"), MASK),  # user and password of an address
    (re.compile(r"(/in/\d{1,16}/)[^/\s?\"']{1,300}"), rf"\1{MASK}"),  # the address at which a platform calls
    (re.compile(r"\beng_[\w-]{8,}"), f"eng_{MASK}"),
    (re.compile(r"\bshp[a-z]{2}_\w{8,}"), MASK),
    (re.compile(r"\beyJ[\w-]{1,2000}\.[\w-]{1,2000}\.?[\w-]{0,2000}"), MASK),  # a web token
    (re.compile(r"(?i)\b(bearer|basic)\s{1,4}[\w.~+/=-]{8,}"), rf"\1 {MASK}"),
    (re.compile(rf"(?i)((?:{NAMED})[\"']?\s{{0,4}}(?:[:=]|%3D)\s{{0,4}})(?:{VALUE})"), rf"\1{MASK}"),
    (re.compile(rf"(?i)(<(?:\w{{1,40}}:)?(?:{NAMED})>)[^<]{{1,500}}"), rf"\1{MASK}"),
)
PERSONAL: tuple[tuple[re.Pattern[str], Put], ...] = (
    (re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"), MASK),  # an e-mail address
    (re.compile(r"(?<!\d)\d{3}\.?\d{3}\.?\d{3}-?\d{2}(?!\d)"), _document),
    (re.compile(r"(?<![\w.-])[A-Z0-9]{2}\.?[A-Z0-9]{3}\.?[A-Z0-9]{3}/?[A-Z0-9]{4}-?\d{2}(?![\w-])"), _document),
    (re.compile(r"(?<![\w.])(?:\(\d{2}\)\s?9?|\+55\s?\d{2}\s?9?|\d{2}\s9)\d{4}-?\d{4}(?!\d)"), MASK),  # a telephone
)
PATTERNS = SECRETS + PERSONAL
