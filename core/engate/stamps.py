"""An ERP's own stamps of change as watermarks: local time without a zone, some of them invalid.

    since = stamps.earlier(query.since, self.overlap_seconds, zone)  # what is asked for
    now = answer.date.astimezone(zone).replace(tzinfo=None).isoformat(timespec="seconds")
    watermark = stamps.newest((stamps.tidy(row.changed, "1900") for row in rows), now)

`overlap_seconds` is the connection's own: two hours, 25 h where stamps are dates. `answer` is the `Response`, `zone` the company's.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo


def tidy(stamp: str | None, none: str = "") -> str:
    """A stamp as "YYYY-MM-DDTHH:MM:SS", which sorts as text; "" where the ERP means none (`none`: how such stamps begin) or it has another
    form."""
    if not stamp or (none and stamp.startswith(none)):
        return ""
    if len(stamp) == 19 and stamp[10] == "T":
        return stamp
    try:
        return datetime.fromisoformat(stamp.strip()).replace(tzinfo=None).isoformat(timespec="seconds")
    except ValueError:
        return ""


def newest(stamps: Iterable[str], now: str) -> str | None:
    """The newest of these tidy stamps, but no later than `now`, the ERP's own: a row dated 2062 must not silence a flow for 36
    years. None where there is no stamp."""
    last = max((stamp for stamp in stamps if stamp), default=None)
    return min(last, now) if last else None


def earlier(mark: str | None, seconds: float, zone: tzinfo) -> str | None:
    """A watermark so many seconds earlier, as local time in `zone` without its offset, so that late commits are read too."""
    if not mark:
        return None
    moment = datetime.fromisoformat(mark)
    local = moment.astimezone(zone).replace(tzinfo=None) if moment.tzinfo else moment
    return (local - timedelta(seconds=seconds)).isoformat(timespec="seconds")
