import argparse

import pytest

from sandbox.arguments import above_0, at_least, read_share


def test_numbers_in_range_are_read():
    assert (above_0(int)("3"), above_0(float)("0.5"), at_least(2)("2")) == (3, 0.5, 2)
    assert (read_share("0"), read_share("1"), read_share("0.25")) == (0.0, 1.0, 0.25)


@pytest.mark.parametrize("text", ["0", "-1"])
def test_numbers_that_are_not_above_0_are_refused(text: str):
    with pytest.raises(argparse.ArgumentTypeError, match="above 0"):
        above_0(int)(text)


def test_numbers_out_of_range_are_refused():
    with pytest.raises(argparse.ArgumentTypeError, match="2 or more"):
        at_least(2)("1")
    for text in ("-0.1", "1.1", "nan"):
        with pytest.raises(argparse.ArgumentTypeError, match="between 0 and 1"):
            read_share(text)
