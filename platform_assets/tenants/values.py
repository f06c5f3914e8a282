"""Single values of a source as Python reads them: texts, quantities and amounts, whatever type they came in.

SQLite keeps any type in any column, so nothing is taken for granted. Times are read by `core/times.py`; what the values
mean is in `events.py`.
"""

import math
import re
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from uuid import UUID

from platform_assets.core.errors import PermanentError

AMOUNT_PLACES = 4
"""Decimal places of an amount. What has more is rounded half to even: 0.00005 is 0, 0.00015 is 0.0002."""

AMOUNT_LIMIT = 10**18
"""Amounts are below it, in 1/10,000: what fits decimal(18, 4)."""

QUANTITY_LIMIT = 10**9
"""Quantities are below it, so that the sum over any month is exact in 64 bits."""

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall time in the platform's zone
_MICROSECOND = timedelta(microseconds=1)
_NUMBER = re.compile(
    r"\s*[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?\s*", re.ASCII
)
_EXACT = Context(prec=120, rounding=ROUND_HALF_EVEN)
_PLACES = Decimal(1).scaleb(-AMOUNT_PLACES)


class BadEventError(PermanentError):
    """A row that is no event.

    Args:
        kind: Stable word for the reason.
        message: What is wrong with which value.
    """

    default_kind = "bad_event"

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message, kind=kind)


def read_text(value: object, name: str, length: int) -> str:
    """A text as it is; numbers as they are written; empty for None and for white space only.

    Raises:
        BadEventError: kinds `bad_text` (bytes, or bytes in a text that are no UTF-8), `too_long`.
    """
    if value is None:
        return ""
    if type(value) is not str:
        value = _write_text(value, name)
    if not value.isascii() and not _is_unicode(value):
        raise BadEventError("bad_text", f"{name} holds bytes that are no UTF-8; correct the row")
    if len(value) > length:
        raise BadEventError(
            "too_long",
            f"{name} has {len(value)} characters, {length} is the most: {value[:40]!r}...",
        )
    return "" if value.isspace() else value


def count_microseconds(moment: datetime) -> int:
    """Microseconds since 1970 of a wall time."""
    return (moment - _EPOCH) // _MICROSECOND


def read_quantity(value: object) -> int:
    """A whole number; 1 if there is none.

    Raises:
        BadEventError: kind `bad_quantity`: no number, a fraction, or beyond `QUANTITY_LIMIT`.
    """
    if value is None or value == "":
        return 1
    if type(value) is not int:
        number = _read_decimal(value)
        if number is None or number != number.to_integral_value():
            raise BadEventError(
                "bad_quantity", f"quantity {_shorten(value)} is no whole number; correct the row"
            )
        value = int(number) if abs(number) < QUANTITY_LIMIT else QUANTITY_LIMIT
    if abs(value) >= QUANTITY_LIMIT:
        raise BadEventError(
            "bad_quantity", f"quantity is beyond {QUANTITY_LIMIT:,}; correct the row"
        )
    return value


def read_amount(value: object) -> int:
    """Money in 1/10,000, rounded half to even; 0 if there is none.

    A float counts as the shortest decimal that stands for it: 58.9 is 58.9000.

    Raises:
        BadEventError: kind `bad_amount`: no finite number, or too large for decimal(18, 4).
    """
    if value is None or value == "":
        return 0
    number = _read_decimal(value)
    if number is None:
        raise BadEventError(
            "bad_amount", f"amount {_shorten(value)} is no finite number; correct the row"
        )
    try:
        scaled = int(number.quantize(_PLACES, context=_EXACT).scaleb(AMOUNT_PLACES, context=_EXACT))
    except InvalidOperation:
        scaled = AMOUNT_LIMIT
    if abs(scaled) >= AMOUNT_LIMIT:
        raise BadEventError(
            "bad_amount", f"amount {_shorten(value)} does not fit decimal(18, 4); correct the row"
        )
    return scaled


def _read_decimal(value: object) -> Decimal | None:
    """The exact number; None for anything that is not a finite one."""
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    if isinstance(value, float):
        return Decimal(repr(value)) if math.isfinite(value) else None
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return Decimal(value)
    return None


def _write_text(value: object, name: str) -> str:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int | float | UUID) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, Decimal):
        return f"{value:f}" if value.is_finite() and value.adjusted() < 1000 else str(value)
    raise BadEventError(
        "bad_text", f"{name} is {type(value).__name__}, not text; correct the column or the row"
    )


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shorten(value: object) -> str:
    return f"{value!r:.60}"
