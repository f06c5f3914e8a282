from datetime import UTC, datetime

import pytest

from sandbox.tags.dates import NO_DATES, DateForm, write_date
from tests.unit.sandbox.tags.recount import read_month

LATE = int(datetime(2024, 2, 29, 15, 30, 5, tzinfo=UTC).timestamp())
"""Half past midnight on the first of March in Seoul."""


@pytest.mark.parametrize(
    ("form", "written"),
    [
        (DateForm.ISO_SEOUL, "2024-03-01T00:30:05+09:00"),
        (DateForm.ISO_UTC, "2024-02-29T15:30:05Z"),
        (DateForm.SECOND, "2024-03-01 00:30:05"),
        (DateForm.MINUTE, "2024/03/01 00:30"),
        (DateForm.DOTTED, "2024.03.01"),
        (DateForm.SHORT_YEAR, "24.03.01"),
        (DateForm.DIGITS, "20240301"),
        (DateForm.KOREAN, "2024년 03월 01일"),
        (DateForm.EPOCH_SECONDS, LATE),
        (DateForm.EPOCH_MILLISECONDS, LATE * 1000),
        (DateForm.TIMESTAMP, LATE * 1_000_000),
        (DateForm.DAY, 19_783),
    ],
)
def test_every_form_means_the_month_in_seoul(form: DateForm, written: str | int):
    assert write_date(LATE, form) == (written, "2024-03")


def test_no_date_has_no_month():
    assert write_date(LATE, DateForm.NONE) == (None, "")


@pytest.mark.parametrize("text", NO_DATES)
def test_what_is_no_date_cannot_be_read(text: str):
    with pytest.raises(ValueError, match="invalid literal"):
        read_month(text)
