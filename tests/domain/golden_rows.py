"""The golden rows: cron texts, stretches of local time, and the slots that Callboard promises.

Row names: D for those of the daylight saving table, C01 to C20 for those of cron text.
The expected values come from crontab(5), cron(8), Quartz, EventBridge and an oracle that walks
every minute. Where croniter or cronsim are known to give other slots, the row says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

NEW_YORK, LORD_HOWE, APIA = "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"
SAO_PAULO, DUBLIN, CASABLANCA = "America/Sao_Paulo", "Europe/Dublin", "Africa/Casablanca"

BOTH_PASSES: Final = "fires a fixed time on both passes"
CALENDAR_DAY: Final = "makes up for a day that a correction left out"
EITHER_DAY: Final = "takes either day field even where one begins with *"
CLAMPED: Final = "takes the nearest weekday to the last day where the month has no such day"
NO_POLICY: Final = "has no policy to choose"
NO_SUCH_TEXT: Final = "does not read this text"
MAKES_UP: Final = "makes up for lost wildcard minutes, too"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One golden row."""

    id: str
    text: str
    expected: tuple[str, ...]
    """Slots as `form` writes them, each followed by its marks."""
    begin: str
    """Local time, inclusive."""
    end: str
    """Local time, exclusive."""
    dialect: str = "vixie"
    zone: str = "UTC"
    gap: str | None = None
    fold: str | None = None
    form: str = "%d %H:%M%z"
    peers: Mapping[str, str] = field(default_factory=dict)
    """Known to differ: croniter, cronsim, each with the reason."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A text that is refused, and words of the reason."""

    id: str
    text: str
    words: str
    dialect: str = "vixie"


def _dst(
    text: str,
    zone: str,
    days: str,
    *expected: str,
    gap: str | None = None,
    fold: str | None = None,
    **peers: str,
) -> Row:
    """A row of the daylight saving table; `days` is `begin end` in local time."""
    begin, end = days.split()
    if gap or fold:
        peers = {"croniter": NO_POLICY, "cronsim": NO_POLICY}
    return Row(
        id="D",
        text=text,
        zone=zone,
        begin=begin,
        end=end,
        expected=expected,
        gap=gap,
        fold=fold,
        peers=peers,
    )


GAP_DAY: Final = "2026-03-08 2026-03-09"
FOLD_DAY: Final = "2026-11-01 2026-11-02"

DST_ROWS: Final = (
    _dst("30 2 * * *", NEW_YORK, GAP_DAY, "08 03:00-04 dst_gap"),
    _dst(
        "0 * * * *",
        NEW_YORK,
        "2026-03-08T01:00 2026-03-08T05:00",
        "08 01:00-05",
        "08 03:00-04",
        "08 04:00-04",
    ),
    _dst("30 1 * * *", NEW_YORK, FOLD_DAY, "01 01:30-04 dst_fold", croniter=BOTH_PASSES),
    _dst(
        "0 * * * *",
        NEW_YORK,
        "2026-11-01T01:00 2026-11-01T03:00",
        "01 01:00-04 dst_fold",
        "01 01:00-05 dst_fold",
        "01 02:00-05",
    ),
    _dst(
        "*/30 * * * *",
        NEW_YORK,
        "2026-11-01T01:00 2026-11-01T02:30",
        "01 01:00-04 dst_fold",
        "01 01:30-04 dst_fold",
        "01 01:00-05 dst_fold",
        "01 01:30-05 dst_fold",
        "01 02:00-05",
    ),
    _dst(
        "*/30 1 * * *",
        NEW_YORK,
        FOLD_DAY,
        "01 01:00-04 dst_fold",
        "01 01:30-04 dst_fold",
        "01 01:00-05 dst_fold",
        "01 01:30-05 dst_fold",
    ),
    _dst(
        "0 */2 * * *",
        NEW_YORK,
        "2026-11-01 2026-11-01T06:00",
        "01 00:00-04",
        "01 02:00-05",
        "01 04:00-05",
    ),
    _dst("0 2-4 * * *", NEW_YORK, GAP_DAY, "08 03:00-04 dst_gap", "08 04:00-04"),
    _dst("15,45 2 * * *", NEW_YORK, GAP_DAY, "08 03:00-04 dst_gap"),
    _dst("15 2 * * *", LORD_HOWE, "2026-10-04 2026-10-05", "04 02:30+11 dst_gap"),
    _dst(
        "45 1 * * *",
        LORD_HOWE,
        "2026-04-05 2026-04-06",
        "05 01:45+11 dst_fold",
        croniter=BOTH_PASSES,
    ),
    _dst(
        "0 0 * * *",
        SAO_PAULO,
        "2018-11-03 2018-11-06",
        "03 00:00-03",
        "04 01:00-02 dst_gap",
        "05 00:00-02",
    ),
    _dst(
        "0 12 * * *",
        APIA,
        "2011-12-29 2012-01-01",
        "29 12:00-10",
        "31 12:00+14",
        croniter=CALENDAR_DAY,
        cronsim=CALENDAR_DAY,
    ),
    _dst("30 1 * * *", DUBLIN, "2026-03-29 2026-03-30", "29 02:00+01 dst_gap"),
    _dst(
        "30 1 * * *",
        DUBLIN,
        "2026-10-25 2026-10-26",
        "25 01:30+01 dst_fold",
        croniter=BOTH_PASSES,
    ),
    _dst(
        "30 2 * * *",
        CASABLANCA,
        "2026-02-15 2026-02-16",
        "15 02:30+01 dst_fold",
        croniter=BOTH_PASSES,
    ),
    # The policies written out, beside their opposites above.
    _dst("0 1-4/1 * * *", NEW_YORK, GAP_DAY, "08 01:00-05", "08 03:00-04 dst_gap", "08 04:00-04"),
    _dst("30 2 * * *", NEW_YORK, GAP_DAY, gap="skip"),
    _dst(
        "30 1 * * *",
        NEW_YORK,
        FOLD_DAY,
        "01 01:30-04 dst_fold",
        "01 01:30-05 dst_fold",
        fold="both",
    ),
    _dst("*/30 2 * * *", NEW_YORK, GAP_DAY, croniter=MAKES_UP),
    _dst("*/30 2 * * *", NEW_YORK, GAP_DAY, "08 03:00-04 dst_gap", gap="run"),
    _dst(
        "*/30 1 * * *",
        NEW_YORK,
        FOLD_DAY,
        "01 01:00-04 dst_fold",
        "01 01:30-04 dst_fold",
        fold="first",
    ),
)


def _text(
    id: str, dialect: str, text: str, days: str, expected: str, form: str = "%b %d", **peers: str
) -> Row:
    """A row of cron text in UTC; `expected` is separated by commas."""
    begin, end = days.split()
    return Row(
        id=id,
        text=text,
        dialect=dialect,
        begin=begin,
        end=end,
        form=form,
        expected=tuple(expected.split(", ")) if expected else (),
        peers=peers,
    )


CLOCK: Final = "%H:%M"
FULL: Final = "%Y-%m-%d"
TEXT_ROWS: Final = (
    _text("C01", "vixie", "0 0 13 * 5", "2026-01-01 2026-01-17", "Jan 02, Jan 09, Jan 13, Jan 16"),
    _text(
        "C03",
        "vixie",
        "0 0 */2 * 1",
        "2026-01-01 2026-02-28",
        "Jan 05, Jan 19, Feb 09, Feb 23",
        croniter=EITHER_DAY,
    ),
    _text("C04", "vixie", "0 0 * * 0", "2026-01-01 2026-01-15", "Jan 04, Jan 11"),
    _text("C04", "vixie", "0 0 * * 7", "2026-01-01 2026-01-15", "Jan 04, Jan 11"),
    _text("C04", "vixie", "0 0 * * 5-7", "2026-01-01 2026-01-08", "Jan 02, Jan 03, Jan 04"),
    _text(
        "C04",
        "vixie",
        "0 0 * * 5-1",
        "2026-01-01 2026-01-08",
        "Jan 02, Jan 03, Jan 04, Jan 05",
        cronsim=NO_SUCH_TEXT,
    ),
    _text("C05", "quartz", "0 0 0 ? * 1", "2026-01-01 2026-01-15", "Jan 04, Jan 11"),
    _text("C06", "quartz", "0 0 0 ? * L", "2026-01-01 2026-01-20", "Jan 03, Jan 10, Jan 17"),
    _text("C06", "quartz", "0 0 0 ? * 6L", "2026-01-01 2026-04-01", "Jan 30, Feb 27, Mar 27"),
    _text("C06", "quartz", "0 0 0 L-3 * ?", "2026-01-01 2026-03-01", "Jan 28, Feb 25"),
    _text(
        "C06", "quartz", "0 0 0 LW * ?", "2026-01-01 2026-05-01", "Jan 30, Feb 27, Mar 31, Apr 30"
    ),
    _text("C07", "quartz", "0 0 0 1W * ?", "2026-07-01 2026-10-01", "Jul 01, Aug 03, Sep 01"),
    _text(
        "C07",
        "vixie",
        "0 0 1W * *",
        "2026-07-01 2026-10-01",
        "Jul 01, Aug 03, Sep 01",
        cronsim=NO_SUCH_TEXT,
    ),
    _text("C08", "quartz", "0 0 0 31W * ?", "2026-01-01 2026-06-30", "Jan 30, Mar 31, May 29"),
    _text(
        "C08",
        "vixie",
        "0 0 31W * *",
        "2026-01-01 2026-06-30",
        "Jan 30, Mar 31, May 29",
        croniter=CLAMPED,
        cronsim=NO_SUCH_TEXT,
    ),
    _text(
        "C09", "quartz", "0 0 0 ? * 6#5", "2026-01-01 2027-01-01", "Jan 30, May 29, Jul 31, Oct 30"
    ),
    _text("C09", "vixie", "0 0 * * 5#5", "2026-01-01 2027-01-01", "Jan 30, May 29, Jul 31, Oct 30"),
    _text(
        "C10",
        "quartz",
        "0 0 0 15W,L * ?",
        "2026-02-01 2026-04-01",
        "Feb 16, Feb 28, Mar 16, Mar 31",
    ),
    _text("C11", "vixie", "0 0 29 2 *", "2096-03-01 2109-01-01", "2104-02-29, 2108-02-29", FULL),
    _text(
        "C13",
        "vixie",
        "0 22-2 * * *",
        "2026-01-01 2026-01-02",
        "00:00, 01:00, 02:00, 22:00, 23:00",
        CLOCK,
        cronsim=NO_SUCH_TEXT,
    ),
    _text(
        "C14",
        "vixie",
        "*/35 * * * *",
        "2026-01-01 2026-01-01T02:00",
        "00:00, 00:35, 01:00, 01:35",
        CLOCK,
    ),
    _text(
        "C15",
        "vixie",
        "5/15 * * * *",
        "2026-01-01 2026-01-01T01:00",
        "00:05, 00:20, 00:35, 00:50",
        CLOCK,
    ),
    _text(
        "C15",
        "quartz",
        "0 5/15 * * * ?",
        "2026-01-01 2026-01-01T01:00",
        "00:05, 00:20, 00:35, 00:50",
        CLOCK,
    ),
    _text(
        "C16",
        "quartz",
        "30 0 12 * * ?",
        "2026-01-01 2026-01-03",
        "01 12:00:30, 02 12:00:30",
        "%d %H:%M:%S",
    ),
    _text(
        "C16",
        "spring",
        "30 0 12 * * *",
        "2026-01-01 2026-01-03",
        "01 12:00:30, 02 12:00:30",
        "%d %H:%M:%S",
    ),
    _text(
        "C18",
        "vixie",
        "0 0 * JAN mon-FRI",
        "2026-01-01 2026-01-07",
        "Jan 01, Jan 02, Jan 05, Jan 06",
    ),
    _text(
        "C20",
        "aws",
        "cron(0 9 ? * MON-FRI *)",
        "2026-01-01 2026-01-07",
        "Jan 01, Jan 02, Jan 05, Jan 06",
    ),
)


REFUSALS: Final = (
    Refusal(id="C02", dialect="quartz", text="0 0 0 13 * FRI", words="?"),
    Refusal(id="C05", dialect="quartz", text="0 0 0 ? * 0", words="1-7"),
    Refusal(id="C10", text="0 0 15W,L * *", words="W"),
    Refusal(id="C10", text="0 0 10-15W * *", words="W"),
    Refusal(id="C12", text="0 0 31 2 *", words="never fires"),
    Refusal(id="C12", dialect="quartz", text="0 0 0 31 2 ?", words="never fires"),
    Refusal(id="C12", dialect="aws", text="cron(0 0 30 2 ? *)", words="never fires"),
    Refusal(id="C12", dialect="spring", text="0 0 0 31 4,6 *", words="never fires"),
    Refusal(id="C16", text="0 0 12 * * *", words="column 12"),
    Refusal(id="C16", dialect="spring", text="0 12 * * *", words="column"),
    Refusal(id="C16", dialect="quartz", text="0 12 * * ?", words="column"),
    Refusal(id="C17", text="60 * * * *", words="column 1, minute: 60 is not in 0-59"),
    Refusal(id="C17", text="* 24 * * *", words="column 3, hour: 24 is not in 0-23"),
    Refusal(id="C17", text="*/0 * * * *", words="column 3, minute"),
    Refusal(id="C17", text="1,,2 * * * *", words="column 3, minute: is empty"),
    Refusal(id="C17", text="\u0661 * * * *", words="column 1, minute"),
    Refusal(id="C17", text="1," * 5000 + "1 * * * *", words="has 10009 characters"),
    Refusal(id="C18", text="0 0 * * MONDAY", words="column 9, day of week"),
    Refusal(id="C18", text="0 0 * * mo", words="column 9, day of week"),
    Refusal(id="C20", dialect="aws", text="rate(1 minutes)", words="minute"),
    Refusal(id="C20", dialect="aws", text="rate(5 minute)", words="minutes"),
)
