from sandbox.naver.pace import Host, Pace, PaceRules, Verdict
from tests.unit.sandbox.naver.hosts import BLOG_TAB, PATHS, PLACE_LIST, UNHURRIED, Visitor

TWO_SECONDS = {**UNHURRIED, Host.SEARCH: PaceRules(2.0), Host.MAP: PaceRules(2.0)}


def test_a_gap_shorter_than_the_delay_is_a_violation():
    pace = Pace(PaceRules(2.0, slack_seconds=0.05))
    verdicts = [pace.judge(at) for at in (10.0, 12.0, 13.96, 15.9)]
    assert verdicts == [Verdict.IN_TIME, Verdict.IN_TIME, Verdict.IN_TIME, Verdict.TOO_EARLY]
    assert pace.violations == 1
    assert pace.smallest_gap is not None
    assert round(pace.smallest_gap, 2) == 1.94


def test_too_many_violations_lead_to_a_block_that_ends():
    pace = Pace(PaceRules(2.0, block_after=3, block_window_seconds=10, block_seconds=30))
    verdicts = [pace.judge(at) for at in (0.0, 1.0, 2.0, 3.0, 10.0, 39.0)]
    assert verdicts[3:5] == [Verdict.BLOCKED, Verdict.BLOCKED]
    assert verdicts[5] is Verdict.IN_TIME


def test_violations_far_apart_lead_to_no_block():
    pace = Pace(PaceRules(2.0, block_after=2, block_window_seconds=10, block_seconds=30))
    assert Verdict.BLOCKED not in [pace.judge(at) for at in (0.0, 1.0, 20.0, 21.0, 50.0, 51.0)]
    assert pace.violations == 3


def test_hosts_have_a_pace_each():
    visitor = Visitor(TWO_SECONDS)
    for path in (BLOG_TAB, PLACE_LIST):
        visitor.ask(path)
    assert visitor.upstream.describe()["violations"] == 0
    visitor.clock.advance(1.0)
    visitor.ask(PATHS["cafe"])
    assert visitor.stats(Host.SEARCH)["violations"] == 1
    assert visitor.stats(Host.MAP)["violations"] == 0


def test_a_violation_is_answered_unless_limits_are_strict():
    lenient, strict = Visitor(TWO_SECONDS), Visitor(TWO_SECONDS, strict=True)
    assert [lenient.ask(BLOG_TAB).status for _ in range(2)] == [200, 200]
    assert [strict.ask(BLOG_TAB).status for _ in range(2)] == [200, 429]
    assert lenient.stats(Host.SEARCH)["violations"] == 1


def test_a_blocked_visitor_sees_the_block_page_for_a_while():
    rules = PaceRules(2.0, block_after=2, block_window_seconds=60, block_seconds=30)
    visitor = Visitor({**UNHURRIED, Host.SEARCH: rules})
    bodies = [visitor.ask(BLOG_TAB).body for _ in range(4)]
    assert [b"captcha_wrap" in body for body in bodies] == [False, False, True, True]
    assert visitor.stats(Host.SEARCH)["blocked"] == 2
    visitor.clock.advance(30.0)
    assert b"captcha_wrap" not in visitor.ask(BLOG_TAB).body


def test_starts_gaps_and_pages_are_counted_until_a_reset():
    visitor = Visitor(TWO_SECONDS)
    for _ in range(3):
        visitor.ask(BLOG_TAB)
        visitor.clock.advance(2.5)
    stats = visitor.stats(Host.SEARCH)
    assert stats["starts"] == [0.0, 2.5, 5.0]
    assert (stats["smallest_gap"], stats["by_page"]) == (2.5, {"blog 강남 카페": 3})
    assert stats["by_status"] == {"200": 3}
    visitor.upstream.reset()
    assert visitor.stats(Host.SEARCH)["starts"] == []
    assert visitor.stats(Host.SEARCH)["smallest_gap"] is None
