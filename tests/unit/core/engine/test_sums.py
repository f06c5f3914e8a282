"""Runs side by side are told as one."""

from dataclasses import replace

from platform_assets.core.engine.sums import sum_progress, sum_reports
from platform_assets.core.engine.units import FailedUnit, Progress, Report, Stop, StopReason
from tests.fakes.clock import START

LATE = Stop(StopReason.DEADLINE, "deadline: 2 s")
REFUSED = Stop(StopReason.REFUSED, "refused: no room", "object_store_full")
ONE = Report(4, 1, 1, 1, 1, 3, 2.5, (FailedUnit("a", "gone", "no"),), LATE, START)


def test_reports_add_up_and_keep_every_failure_and_reason():
    other = replace(ONE, failures=(FailedUnit("b", "gone", "no"),), seconds=4.0, stop=REFUSED)
    total = sum_reports([ONE, replace(ONE, stop=None, failed=2, failures=()), other], START)
    assert (total.total, total.done, total.failed, total.skipped, total.left) == (12, 3, 4, 3, 3)
    assert (total.retries, total.seconds, total.started_at) == (9, 4.0, START)
    assert [failure.unit_id for failure in total.failures] == ["a", "b"]
    assert total.stop == replace(REFUSED, message="deadline: 2 s; refused: no room")


def test_a_fault_of_the_platform_in_one_of_them_is_one_of_all():
    given_back = (FailedUnit("c", "object_store_full", "no room"),)
    stopped = replace(ONE, stop=REFUSED, given_back=given_back)
    total = sum_reports([replace(ONE, stop=None), stopped, ONE], START)
    assert total.stop_kind == "object_store_full"
    assert total.given_back == given_back


def test_no_report_is_a_complete_one():
    assert sum_reports([], START) == Report(0, 0, 0, 0, 0, 0, 0.0, (), None, START)
    assert sum_reports([], START).complete


def test_progress_adds_up():
    one = Progress(total=5, done=1, failed=1, skipped=1, running=2, seconds=3.0)
    assert sum_progress([one, replace(one, seconds=9.0)]) == Progress(10, 2, 2, 2, 4, 9.0)
