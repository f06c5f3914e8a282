"""Readers of numbers on a command line, for `argparse`. Those of one sandbox only stay with it."""

import argparse
from collections.abc import Callable
from typing import TypeVar

_Number = TypeVar("_Number", int, float)


def above_0(kind: Callable[[str], _Number]) -> Callable[[str], _Number]:
    """A reader of numbers above 0.

    Args:
        kind: `int` or `float`.
    """

    def read_number(text: str) -> _Number:
        value = kind(text)
        if value <= 0:
            raise argparse.ArgumentTypeError("must be above 0")
        return value

    return read_number


def at_least(least: int) -> Callable[[str], int]:
    """A reader of whole numbers from `least` on."""

    def read_number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"must be {least} or more")
        return value

    return read_number


def read_share(text: str) -> float:
    """Reads a share of 1."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("must be between 0 and 1")
    return value
