"""Prices as shops write them, read exactly: a number, `30,000원`, `US $12.50`, `1.299,00`. Never rounded or guessed."""

import math
import re
from decimal import Decimal

from platform_assets.core.errors import PermanentError
from platform_assets.products.json_reading import BIGGEST, Node

_SIGNS = {
    "₩": "KRW",
    "원": "KRW",
    "KRW": "KRW",
    "$": "USD",
    "US$": "USD",
    "US": "USD",
    "USD": "USD",
    "€": "EUR",
    "EUR": "EUR",
    "£": "GBP",
    "GBP": "GBP",
    "¥": "JPY",
    "円": "JPY",
    "JPY": "JPY",
}
"""What stands before or after a price, and the currency that it says."""

_SIGN = r"(?:US\s{0,2}\$|₩|원|KRW|\$|USD|€|EUR|£|GBP|¥|円|JPY)"
_PRICE = re.compile(
    rf"({_SIGN})?\s{{0,3}}({_SIGN})?\s{{0,3}}(\d[\d.,'\u00a0\u202f ]{{0,30}}?)\s{{0,3}}({_SIGN})?",
    re.ASCII,
)
_POINT = re.compile(r"(\d{1,3}(?:,\d{3}){1,4}|\d{1,15})(\.\d{1,4})?", re.ASCII)
"""1,299.00 and 1299.00; a comma is before three digits, so that it cannot be anything else."""

_COMMA = re.compile(r"(\d{1,3}(?:\.\d{3}){1,4}|\d{1,15}),(\d{2})", re.ASCII)
"""1.299,00 and 28,79, of a currency with digits after the point: two of them, so that it cannot be anything else."""

_POINTS = re.compile(r"\d{1,3}(?:\.\d{3}){2,4}", re.ASCII)
"""1.299.000: two points at least."""


def read_price(node: Node, decimals: int = 0, currency: str | None = None) -> int:
    """A price in the smallest unit of its currency.

    Args:
        node: A number, or a text of one price; a text of two prices or of a range is none.
        decimals: Digits after the point that the currency has: 0 for won, 2 for dollars.
        currency: ISO 4217 code of the currency that it must be in, if its text names one; None: any.

    Raises:
        PermanentError: kind `changed_structure`: it is no price, finer than the unit, or in another currency.
    """
    amount = _read_amount(node, decimals, currency).scaleb(decimals)
    if amount != amount.to_integral_value():
        raise node.changed(f"a price with at most {decimals} digits after the point")
    return int(amount)


def find_price(node: Node) -> int | None:
    """A price that may be null. Raises as `read_price` does."""
    return None if node.value is None else read_price(node)


def compare_price(value: object) -> float:
    """A number to sort prices by, of whatever a page has in the place of one; infinity for what is none."""
    try:
        return float(_read_amount(Node(value, "price", "page"), 2, None))
    except PermanentError:
        return math.inf


def _read_amount(node: Node, decimals: int, currency: str | None) -> Decimal:
    value = node.value
    if isinstance(value, str):
        return _read_text(node, decimals, currency)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise node.changed("a price")
    if not 0 <= value < BIGGEST:
        raise node.changed("a price from 0 and of a likely size")
    return Decimal(str(value))


def _read_text(node: Node, decimals: int, currency: str | None) -> Decimal:
    match = _PRICE.fullmatch(node.value.strip())
    number = _read_number(match[3], decimals) if match else None
    if match is None or number is None:
        raise node.changed("a price")
    named = {_SIGNS[sign.replace(" ", "")] for sign in match.group(1, 2, 4) if sign}
    if len(named) > 1 or (currency is not None and named and named != {currency}):
        raise node.changed(f"a price in {currency or 'one currency'}")
    return number


def _read_number(text: str, decimals: int) -> Decimal | None:
    """The number that a text can only be; None when it is none, or can be two."""
    text = re.sub(r"(?<=\d)[\u00a0\u202f '](?=\d{3}(?!\d))", "", text)
    if match := _POINT.fullmatch(text):
        return Decimal(match[1].replace(",", "") + (match[2] or ""))
    if decimals and (match := _COMMA.fullmatch(text)):
        return Decimal(f"{match[1].replace('.', '')}.{match[2]}")
    return Decimal(text.replace(".", "")) if _POINTS.fullmatch(text) else None
