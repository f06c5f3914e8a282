"""Prices as shops write them, read exactly: a number, `30,000원`, `₩30,000`, `12.50`. Never rounded, never guessed."""

import re
from decimal import Decimal

from platform_assets.products.json_reading import BIGGEST, Node

_PRICE = re.compile(
    r"(?:[₩$]|KRW|USD)?\s{0,3}(\d{1,3}(?:,\d{3}){1,4}|\d{1,15})(\.\d{1,4})?\s{0,3}(?:원|KRW|USD)?",
    re.ASCII,
)


def read_price(node: Node, decimals: int = 0) -> int:
    """A price in the smallest unit of its currency.

    Args:
        node: A number, or a text of one price; a text of two prices or of a range is none.
        decimals: Digits after the point that the currency has: 0 for won, 2 for dollars.

    Raises:
        PermanentError: kind `changed_structure`: it is no price, or finer than the unit.
    """
    amount = _read_amount(node).scaleb(decimals)
    if amount != amount.to_integral_value():
        raise node.changed(f"a price with at most {decimals} digits after the point")
    return int(amount)


def find_price(node: Node) -> int | None:
    """A price that may be null. Raises as `read_price` does."""
    return None if node.value is None else read_price(node)


def _read_amount(node: Node) -> Decimal:
    value = node.value
    if isinstance(value, str):
        match = _PRICE.fullmatch(value.strip())
        if match is None:
            raise node.changed("a price")
        return Decimal(match[1].replace(",", "") + (match[2] or ""))
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise node.changed("a price")
    if not 0 <= value < BIGGEST:
        raise node.changed("a price from 0 and of a likely size")
    return Decimal(str(value))
