"""How a table of events is asked for a month, by the way in which it keeps its times; the rules are `core/times.py`'s.

Each class here is one way: the condition for a month, for what lies before or behind it, and for what no month can
hold. Every row is of exactly one month or of none. What may use an index says so. Pure: no connection is made.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import (
    ColumnElement,
    String,
    and_,
    bindparam,
    case,
    false,
    func,
    literal,
    or_,
    type_coerce,
)

from platform_assets.core.months import add_months, month_end, month_start
from platform_assets.core.times import (
    DIGIT_LENGTHS,
    MARKS,
    PADDED,
    UNITS,
    UNPADDED,
    WIDE_MARKS,
    YEARS,
    Unit,
    bounds_in_digits,
)

At = ColumnElement[Any]
"""The column of the time, of the table or of an alias of it."""

Condition = ColumnElement[bool]

_ZONE_SIGNS = ("%z%", "%Z%", "%+%", "%-%", "%utc%", "%UTC%", "%gmt%", "%GMT%")
_AFTER_DATE = 9  # a zone stands somewhere behind `YYYY-M-D`
_AFTER_DAY = 12  # and behind `YYYY-MM-DDT`
_FIRST = datetime(1000, 1, 1)  # noqa: DTZ001 - earlier times are of no month
_LAST = datetime(3000, 1, 1)  # noqa: DTZ001 - and so are later ones
# With a dash: SQLite takes "1900" for a number where a column is declared as one.
_FIRST_TEXT, _END_TEXT = f"{YEARS[0]}-01", f"{YEARS[-1]}-13"
_MOST_SECONDS = ("0315532800", "4102444800")  # 1980 and 2100, as `core/times.py` has it


class TimeForm(Protocol):
    """One way of keeping times."""

    def bind(self, month: str) -> Mapping[str, object]:
        """The values of a month."""
        ...

    def month(self, at: At) -> Condition:
        """Rows of the month, and those near it whose zone may put them into it."""
        ...

    def here(self, at: At) -> Condition:
        """Rows that are written as of the month."""
        ...

    def before(self, at: At) -> Condition:
        """Rows before the month whatever their zone."""
        ...

    def behind(self, at: At) -> Condition:
        """Rows that are written as of a later month."""
        ...

    def unplaced(self, at: At) -> Condition:
        """Rows that no month can hold."""
        ...


class NativeTimes:
    """Timestamps and dates. An index is used.

    Args:
        aware: Whether they have a zone.
    """

    def __init__(self, *, aware: bool) -> None:
        self._aware = aware

    def bind(self, month: str) -> Mapping[str, object]:
        """See `TimeForm`."""
        start, end = month_start(month), month_end(month)
        if not self._aware:
            start, end = start.replace(tzinfo=None), end.replace(tzinfo=None)
        return {"start": start, "end": end}

    def month(self, at: At) -> Condition:
        """See `TimeForm`."""
        return self.here(at)

    def here(self, at: At) -> Condition:
        """See `TimeForm`."""
        return and_(at >= bindparam("start"), at < bindparam("end"))

    def before(self, at: At) -> Condition:
        """See `TimeForm`."""
        return and_(at >= literal(_FIRST), at < bindparam("start"))

    def behind(self, at: At) -> Condition:
        """See `TimeForm`."""
        return and_(at >= bindparam("end"), at < literal(_LAST))

    def unplaced(self, at: At) -> Condition:
        """See `TimeForm`."""
        return or_(at.is_(None), at < literal(_FIRST), at >= literal(_LAST))


class IsoTexts:
    """Texts that begin with `YYYY-MM`, which sort by time. An index is used.

    Args:
        collated: Whether the database sorts texts by another order than that of code points unless told.
    """

    def __init__(self, *, collated: bool) -> None:
        self._collated = collated

    def bind(self, month: str) -> Mapping[str, object]:
        """See `TimeForm`."""
        start, end = month_start(month), month_end(month)
        day = timedelta(days=1)
        return {
            "start": month,
            "end": month[:-1] + chr(ord(month[-1]) + 1),  # behind every text that begins with it
            "early": (start - day).date().isoformat(),
            "late": (end + day).date().isoformat(),
        }

    def month(self, at: At) -> Condition:
        """See `TimeForm`."""
        order = _in_order(at, self._collated)
        around = and_(order >= bindparam("early"), order < bindparam("late"))
        return and_(around, or_(self.here(at), _has_zone(at, _AFTER_DAY)))

    def here(self, at: At) -> Condition:
        """See `TimeForm`."""
        order = _in_order(at, self._collated)
        return and_(order >= bindparam("start"), order < bindparam("end"))

    def before(self, at: At) -> Condition:
        """See `TimeForm`."""
        order = _in_order(at, self._collated)
        # Near the month's start a time with a zone is the reader's to judge.
        sure = or_(order < bindparam("early"), ~_has_zone(at, _AFTER_DAY))
        return and_(order >= _FIRST_TEXT, order < bindparam("start"), sure)

    def behind(self, at: At) -> Condition:
        """See `TimeForm`."""
        order = _in_order(at, self._collated)
        return and_(order >= bindparam("end"), order < _END_TEXT)

    def unplaced(self, at: At) -> Condition:
        """See `TimeForm`."""
        return or_(at.is_(None), and_(~is_iso(at), _home(at).is_(None), ~_is_epoch(at)))


class Numbers:
    """Numbers that count from an epoch. An index is used where all have one unit.

    Args:
        units: What they may count.
    """

    def __init__(self, units: Sequence[Unit] = UNITS) -> None:
        self._units = {f"n{UNITS.index(unit)}": unit for unit in units}

    def bind(self, month: str) -> Mapping[str, object]:
        """See `TimeForm`."""
        values: dict[str, object] = {}
        for name, unit in self._units.items():
            values[f"{name}_start"], values[f"{name}_end"] = unit.bounds(month)
        return values

    def month(self, at: At) -> Condition:
        """See `TimeForm`."""
        return self.here(at)

    def here(self, at: At) -> Condition:
        """See `TimeForm`."""
        return or_(
            *(
                and_(at >= bindparam(f"{name}_start"), at < bindparam(f"{name}_end"))
                for name in self._units
            )
        )

    def before(self, at: At) -> Condition:
        """See `TimeForm`."""
        return or_(
            *(
                and_(at >= literal(unit.first), at < bindparam(f"{name}_start"))
                for name, unit in self._units.items()
            )
        )

    def behind(self, at: At) -> Condition:
        """See `TimeForm`."""
        return or_(
            *(
                and_(at >= bindparam(f"{name}_end"), at < literal(unit.end))
                for name, unit in self._units.items()
            )
        )

    def unplaced(self, at: At) -> Condition:
        """See `TimeForm`."""
        known = (
            and_(at >= literal(unit.first), at < literal(unit.end)) for unit in self._units.values()
        )
        return or_(at.is_(None), ~or_(*known))


class MixedTimes:
    """Texts of any form, and numbers among them where one column keeps both. Every row may be looked at.

    Args:
        collated: As for `IsoTexts`.
        numbers: Whether a value may be a number: SQLite keeps any type in any column.
    """

    def __init__(self, *, collated: bool, numbers: bool) -> None:
        self._collated = collated
        self._numbers = Numbers() if numbers else None

    def bind(self, month: str) -> Mapping[str, object]:
        """See `TimeForm`."""
        first, end = bounds_in_digits(month)
        values: dict[str, object] = {
            "month": month,
            "earlier": add_months(month, -1),
            "later": add_months(month, 1),
            "year": add_months(month, -1)[:4],
            "year_end": f"{int(add_months(month, 1)[:4]) + 1}-",
        }
        for length in DIGIT_LENGTHS:
            zeros = "0" * (length - 10)
            values[f"e{length}_start"] = f"{first:010}{zeros}"
            values[f"e{length}_end"] = f"{end:010}{zeros}"
        if self._numbers:
            values.update(self._numbers.bind(month))
        return values

    def month(self, at: At) -> Condition:
        """See `TimeForm`."""
        near = _home(at).in_([bindparam("earlier"), bindparam("later")])
        zoned = and_(self._is_text(at), self._around(at), near, _has_zone(at, _AFTER_DATE))
        return or_(self.here(at), zoned)

    def here(self, at: At) -> Condition:
        """See `TimeForm`."""
        return self._either(
            at,
            or_(
                and_(self._around(at), _home(at) == bindparam("month")),
                self._epoch(at, "start", "end"),
            ),
            self._numbers and self._numbers.here(at),
        )

    def before(self, at: At) -> Condition:
        """See `TimeForm`."""
        month = _home(at)
        sure = or_(month != bindparam("earlier"), ~_has_zone(at, _AFTER_DATE))
        written = and_(month < bindparam("month"), sure)
        return self._either(
            at,
            or_(written, self._epoch(at, None, "start")),
            self._numbers and self._numbers.before(at),
        )

    def behind(self, at: At) -> Condition:
        """See `TimeForm`."""
        return self._either(
            at,
            or_(_home(at) > bindparam("month"), self._epoch(at, "end", None)),
            self._numbers and self._numbers.behind(at),
        )

    def unplaced(self, at: At) -> Condition:
        """See `TimeForm`."""
        texts = and_(_home(at).is_(None), ~self._epoch(at, None, None))
        if self._numbers is None:
            return or_(at.is_(None), texts)
        other = func.typeof(at).in_(["null", "blob"])
        return or_(other, self._either(at, texts, self._numbers.unplaced(at)))

    def _either(self, at: At, texts: Condition, numbers: Condition | None) -> Condition:
        if numbers is None:
            return texts
        is_number = func.typeof(at).in_(["integer", "real"])
        return or_(and_(self._is_text(at), texts), and_(is_number, numbers))

    def _around(self, at: At) -> Condition:
        """Texts that begin with the year, or one beside it: cheap to see, by an index where there is one."""
        order = _in_order(at, self._collated)
        return and_(order >= bindparam("year"), order < bindparam("year_end"))

    def _is_text(self, at: At) -> Condition:
        return func.typeof(at) == "text" if self._numbers else at.is_not(None)

    def _epoch(self, at: At, start: str | None, end: str | None) -> Condition:
        """Digits since 1970 within the bounds of these names; the least and most that there are where there is none."""
        order, whole = _in_order(at, self._collated), func.length(at)
        least, most = _MOST_SECONDS
        choices = [
            and_(
                or_(whole == length, func.substr(at, 11, 1) == ".")
                if length == DIGIT_LENGTHS[0]
                else whole == length,
                order >= (bindparam(f"e{length}_{start}") if start else least + zeros),
                order < (bindparam(f"e{length}_{end}") if end else most + zeros),
            )
            for length in DIGIT_LENGTHS
            for zeros in ["0" * (length - 10)]
        ]
        return and_(_is_epoch(at), or_(*choices))


def is_iso(at: At) -> Condition:
    """Whether a text begins with `YYYY-MM-`, its month one of twelve."""
    return and_(
        func.substr(at, 5, 1) == "-",
        func.substr(at, 8, 1) == "-",
        func.substr(at, 6, 2).in_(PADDED),
        func.substr(at, 1, 4).in_(YEARS),
    )


def is_other(at: At, *, numbers: bool) -> Condition:
    """Whether a value has a place that `IsoTexts` does not see."""
    text = and_(~_has_iso_place(at), or_(_home(at).is_not(None), _is_epoch(at)))
    return or_(func.typeof(at).in_(["integer", "real"]), text) if numbers else text


def _has_iso_place(at: At) -> Condition:
    return and_(func.substr(at, 5, 1) == "-", func.substr(at, 6, 2).in_(PADDED))


def _home(at: At) -> ColumnElement[str]:
    """The month `YYYY-MM` that a text is written as of; null for digits since 1970 and where it names none."""
    two, one = func.substr(at, 5, 2), func.substr(at, 5, 1)
    begins = case((two.in_(WIDE_MARKS), 7), (one.in_(MARKS), 6), else_=5)
    year, month = func.substr(at, 1, 4), func.substr(at, begins, 2)
    padded = and_(year.in_(YEARS), month.in_(PADDED), ~_is_epoch(at))
    unpadded = and_(year.in_(YEARS), month.in_(UNPADDED), begins > 5)
    return case(
        (is_iso(at), _text(func.substr(at, 1, 7))),  # most rows, and the cheapest to see
        (padded, _text(year).concat("-").concat(_text(month))),
        (unpadded, _text(year).concat("-0").concat(_text(func.substr(month, 1, 1)))),
        else_=None,
    )


def _is_epoch(at: At) -> Condition:
    """Whether a text is digits that count from 1970, with a fraction of a second or without."""
    whole = and_(func.length(at).in_(DIGIT_LENGTHS), _has_digits_only(at))
    fraction = and_(
        func.substr(at, 11, 1) == ".",
        _has_digits_only(func.substr(at, 1, 10)),
        _has_digits_only(func.replace(func.substr(at, 11), ".", "")),
    )
    return or_(whole, fraction)


def _has_digits_only(text: ColumnElement[Any]) -> Condition:
    for digit in "0123456789":
        text = func.replace(text, digit, "")
    return text == ""


def _has_zone(at: At, begins: int) -> Condition:
    rest = func.substr(at, begins)
    return or_(false(), *(rest.like(sign) for sign in _ZONE_SIGNS))


def _in_order(at: At, collated: bool) -> At:  # noqa: FBT001 - one word
    # Only the order of code points keeps ISO 8601 texts in order of time.
    return at.collate("C") if collated else at


def _text(value: ColumnElement[Any]) -> ColumnElement[str]:
    return type_coerce(value, String)
