from platform_assets.tags.prep.origins import UNCHANGED, OriginBuilder, change, compose, locate


def test_no_change_stores_nothing():
    assert change("가나다", []) == ("가나다", UNCHANGED)
    assert locate(UNCHANGED, 3, 1, 2) == (1, 2)


def test_a_change_of_the_same_length_stores_nothing():
    assert change("가\t나", [(1, 2, " ")]) == ("가 나", UNCHANGED)


def test_what_is_cut_off_shifts_what_follows():
    text, origin = change("<b>가나</b>다", [(0, 3, ""), (5, 9, "")])
    assert text == "가나다"
    assert tuple(origin) == (0, 3, 5, 2, 9, 10)
    assert locate(origin, 3, 0, 1) == (3, 4)
    assert locate(origin, 3, 1, 3) == (4, 10)


def test_each_character_of_a_replacement_stands_for_all_that_it_replaces():
    text, origin = change("가&fjlig;나", [(1, 8, "fj")])
    assert text == "가fj나"
    assert [locate(origin, 4, at, at + 1) for at in range(4)] == [(0, 1), (1, 8), (1, 8), (8, 9)]


def test_runs_that_continue_each_other_become_one():
    builder = OriginBuilder()
    for length, start, end in ((2, 5, 7), (0, 7, 9), (3, 7, 10), (1, 12, 13)):
        builder.add(length, start, end)
    assert tuple(builder.finish()) == (0, 5, 10, 5, 12, 13)


def test_two_changes_compose():
    between, first = change("가&amp;lt;나<b>다", [(1, 6, "&"), (10, 13, "")])
    assert between == "가&lt;나다"
    final, second = change(between, [(1, 5, "<")])
    assert final == "가<나다"
    both = compose(second, len(final), first, len(between))
    assert [locate(both, 4, at, at + 1) for at in range(4)] == [(0, 1), (1, 9), (9, 10), (13, 14)]


def test_a_change_composes_with_none():
    _, origin = change("가나다", [(0, 1, "")])
    assert compose(origin, 2, UNCHANGED, 3) == origin
    assert compose(UNCHANGED, 2, origin, 2) == origin


def test_a_text_whose_end_was_cut_off_keeps_the_places_of_the_rest():
    # "a&amp;b <!-- x -->": decoded to "a&b <!-- x -->", of which the comment was removed.
    earlier = (0, 0, 1, 1, 1, 6, 2, 6, 18)
    origin = compose(UNCHANGED, 3, earlier, 14)
    assert [locate(origin, 3, at, at + 1) for at in range(3)] == [(0, 1), (1, 6), (6, 7)]
