# pyright: standard
"""What every asset shares: our errors become Dagster's, and progress is told at a human pace."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest

from platform_assets.core.engine.units import FailedUnit, Progress, Report, Stop, StopReason
from platform_assets.core.errors import PermanentError, PlatformError, RefusedError, TransientError
from platform_assets.glue import (
    LOG_SECONDS,
    NAMED_FAILURES,
    blame_units,
    explained_failures,
    fail_incomplete,
    told_progress,
)
from tests.fakes.clock import START

DEADLINE = Stop(StopReason.DEADLINE, "deadline: 60 s have passed")
REFUSED = Stop(StopReason.REFUSED, "refused: a person", "bad_credentials")


def report(failed: int = 0, left: int = 0, stop: Stop | None = None) -> Report:
    failures = tuple(FailedUnit(f"{n:05d}", "http_500", f"page {n}") for n in range(failed))
    return Report(10 + failed + left, 10, failed, 0, left, 0, 1.5, failures, stop, START)


def failure_of(**counts: Any) -> dg.Failure:
    with pytest.raises(dg.Failure) as caught:
        fail_incomplete(report(**counts), "games 2026-03-01")
    return caught.value


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (TransientError("later", kind="timeout"), True),
        (PermanentError("never", kind="gone"), False),
        (RefusedError("a person", kind="bad_credentials"), False),
    ],
)
def test_an_error_of_ours_keeps_its_text_and_kind_and_is_not_tried_again(
    error: PlatformError, transient: bool
):
    with pytest.raises(dg.Failure) as caught, explained_failures():
        raise error
    failure = caught.value
    assert failure.description == str(error)
    assert failure.metadata["kind"].value == error.kind
    assert failure.metadata["transient"].value is transient
    assert failure.allow_retries is False


def test_an_error_that_is_not_ours_stays_as_it_is():
    with pytest.raises(ZeroDivisionError), explained_failures():
        _ = 1 / 0


def test_a_complete_report_is_no_failure():
    assert fail_incomplete(report(), "games") is None


def test_failed_units_are_named_with_kind_and_message():
    failure = failure_of(failed=2)
    text = failure.description or ""
    assert text.startswith("games 2026-03-01: 2 of 12 units failed, 0 are left.")
    assert "00000 (http_500): page 0\n00001 (http_500): page 1" in text
    assert failure.metadata["failed_units"].value == ["00000", "00001"]
    assert failure.metadata["units_failed"].value == 2


def test_of_many_failures_the_first_are_named_and_the_rest_are_counted():
    text = failure_of(failed=NAMED_FAILURES + 7).description or ""
    assert text.count("(http_500)") == NAMED_FAILURES
    assert text.endswith("... and 7 more, see the ledger")


def test_why_a_run_ended_early_is_told():
    text = failure_of(left=4, stop=DEADLINE).description or ""
    assert "0 of 14 units failed, 4 are left (deadline: 60 s have passed)." in text


@pytest.mark.parametrize(
    ("units", "stop", "transient"),
    [
        ([FailedUnit("1", "http_500", "", transient=True)], None, True),
        ([FailedUnit("1", "gone", "")], None, False),
        (
            [FailedUnit("1", "http_500", "", transient=True), FailedUnit("2", "gone", "")],
            None,
            False,
        ),
        ([FailedUnit("1", "bad_credentials", "")], REFUSED, False),
        ([], DEADLINE, True),
    ],
)
def test_another_try_is_promised_only_if_every_failed_unit_may_succeed_then(
    units: list[FailedUnit], stop: Stop | None, transient: bool
):
    ended = replace(report(failed=len(units), left=4, stop=stop), failures=tuple(units))
    with pytest.raises(dg.Failure) as caught:
        fail_incomplete(ended, "games 2026-03-01")
    assert caught.value.metadata["transient"].value is transient


def test_units_that_met_a_fault_of_the_platform_are_tried_again():
    fault = FailedUnit("1", "object_store_full", "no room")
    stop = Stop(StopReason.REFUSED, "refused: no room", fault.kind)
    ended = replace(report(left=1, stop=stop), given_back=(fault,))
    with pytest.raises(dg.Failure) as caught:
        fail_incomplete(ended, "games 2026-03-01")
    assert caught.value.metadata["transient"].value is True


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler = Lines()
    logger = logging.getLogger("tests.glue.progress")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def test_progress_is_logged_now_and_then_and_not_at_every_call(lines: Lines):
    logger: Any = logging.getLogger("tests.glue.progress")
    with told_progress(logger, "games") as tell:
        for second in range(61):
            tell(Progress(100, second, 1, 2, 8, float(second)))
    assert len(lines.lines) == 60 // LOG_SECONDS
    assert lines.lines[0] == "games: 17 of 100 units, 1 failed, 8 running, 15 s"


@pytest.mark.parametrize(
    ("units", "blamed"),
    [
        ([], ("left", True)),
        ([FailedUnit("1", "gone", ""), FailedUnit("2", "timeout", "", True)], ("gone", False)),
        (
            [FailedUnit("1", "object_store_full", ""), FailedUnit("2", "no_space", "")],
            ("object_store_full", True),
        ),
        (
            [FailedUnit("1", "object_store_full", ""), FailedUnit("2", "timeout", "", True)],
            ("timeout", True),
        ),
    ],
)
def test_the_platform_is_blamed_only_if_nothing_else_went_wrong(
    units: list[FailedUnit], blamed: tuple[str, bool]
):
    assert blame_units(units) == blamed
