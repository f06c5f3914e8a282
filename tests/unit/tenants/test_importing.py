from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.tenants.advertiser_rows import decode_csv
from platform_assets.tenants.importing import (
    ImportPlan,
    describe,
    read_advertisers,
    read_advertisers_csv,
)
from platform_assets.tenants.tenant import SourceSettings, TenantType
from tests.unit.tenants.builders import NOW

HEADER = "advertiser_id,name,last_completed_month,source_url,source_table,source_columns"
URL = "sqlite:////data/shop.db"


def read(*lines: str) -> ImportPlan:
    return read_advertisers_csv("\n".join(lines), now=NOW, first_month="2024-01")


def said(plan: ImportPlan) -> list[str]:
    return list(map(str, plan.problems))


def ids(plan: ImportPlan) -> list[str]:
    return [tenant.tenant_id for tenant in plan.tenants]


def test_an_advertiser_becomes_an_existing_tenant_with_its_last_completed_month() -> None:
    plan = read(HEADER, f"acme,Acme Ltd,2026-01,{URL},shop.events,event_id=id; event_at = at;")

    assert said(plan) == []
    [tenant] = plan.tenants
    assert tenant.tenant_type is TenantType.EXISTING
    assert (tenant.tenant_id, tenant.name) == ("acme", "Acme Ltd")
    assert tenant.last_completed_month == "2026-01"
    assert tenant.backfill_completed
    assert tenant.source == SourceSettings(URL, "shop.events", {"event_id": "id", "event_at": "at"})
    assert tenant.created_at == NOW


def test_what_a_row_leaves_out_has_a_default() -> None:
    [tenant] = read(HEADER, f"acme,,,{URL},,").tenants

    assert tenant.name == "acme"
    assert tenant.last_completed_month is None
    assert tenant.source == SourceSettings(URL, "events", {})


def test_only_three_columns_are_needed_in_any_order() -> None:
    plan = read("source_url,advertiser_id,last_completed_month", f"{URL},acme,2026-01")

    assert ids(plan) == ["acme"]
    assert said(plan) == []


def test_a_byte_order_mark_and_the_spelling_of_the_header_do_not_matter() -> None:
    plan = read("\ufeffAdvertiser ID, LAST-completed month ,Source_URL", f"acme,2026-01,{URL}")

    assert ids(plan) == ["acme"]
    assert said(plan) == []


def test_blank_lines_and_line_ends_of_windows_do_not_matter_but_count_as_lines() -> None:
    rows = ["", HEADER, "", f"acme,,2026-01,{URL},,", " , ,,,,", "", f"b b,,2026-01,{URL},,"]
    plan = read_advertisers_csv("\r\n".join(rows) + "\r\n\r\n", now=NOW, first_month="2024-01")

    assert ids(plan) == ["acme"]
    assert len(said(plan)) == 1
    assert said(plan)[0].startswith("line 7, advertiser_id: 'b b' is no tenant id")


def test_a_value_over_several_lines_does_not_shift_the_numbers() -> None:
    plan = read(HEADER, f'"acme","two\nlines",2026-01,{URL},,', f"beta,,2026-13,{URL},,")

    assert [(problem.line, problem.column) for problem in plan.problems] == [
        (2, "name"),
        (4, "last_completed_month"),
    ]


def test_all_that_is_wrong_with_a_row_is_listed_and_good_rows_are_planned() -> None:
    plan = read(
        HEADER,
        f"acme,,2026-01,{URL},,",
        "a b,,2026-1,postgresql://u:hunter2@db/shop,a b,event_id",
        f"gamma,,2026-03,{URL},,price=cost",
        f"delta,,2023-11,{URL},,",
        f"omega,,,{URL},,",
    )

    assert ids(plan) == ["acme", "omega"]
    assert [(problem.line, problem.column) for problem in plan.problems] == [
        (3, "advertiser_id"),
        (3, "last_completed_month"),
        (3, "source_url"),
        (3, "source_table"),
        (3, "source_columns"),
        (4, "last_completed_month"),
        (4, "source_columns"),
        (5, "last_completed_month"),
    ]
    assert "hunter2" not in "\n".join(describe(plan, ()))


def test_a_second_row_with_the_same_id_is_left_out_and_listed() -> None:
    plan = read(HEADER, f"acme,One,2026-01,{URL},,", f"acme,Two,2025-12,{URL},,")

    assert [tenant.name for tenant in plan.tenants] == ["One"]
    assert said(plan) == ["line 3, advertiser_id: 'acme' is on line 2 already"]


def test_a_bad_row_does_not_take_the_place_of_a_good_one_with_its_id() -> None:
    plan = read(HEADER, f"acme,One,2026-1,{URL},,", f"acme,Two,2026-01,{URL},,")

    assert [tenant.name for tenant in plan.tenants] == ["Two"]
    assert [problem.line for problem in plan.problems] == [2]


def test_a_row_with_a_value_too_many_or_too_few_is_listed() -> None:
    plan = read(HEADER, f"acme,Acme, Ltd,2026-01,{URL},,", "beta", f"gamma,,2026-01,{URL},,")

    assert ids(plan) == ["gamma"]
    assert said(plan) == [
        "line 2: 7 values for 6 columns; quote values with commas",
        "line 3: 1 values for 6 columns; quote values with commas",
    ]


def test_problems_are_listed_by_line_whatever_their_kind() -> None:
    plan = read(HEADER, f"a b,,2026-01,{URL},,", "beta", f"c c,,2026-01,{URL},,")

    assert [problem.line for problem in plan.problems] == [2, 3, 4]


def test_a_header_without_a_needed_column_is_the_only_problem() -> None:
    plan = read("id,name,source_url", "acme,Acme,x", "beta,Beta,y")

    assert plan.tenants == ()
    [problem] = said(plan)
    assert problem.startswith("line 1: no column advertiser_id, last_completed_month; the columns")
    assert problem.endswith("source_url, source_table, source_columns")


def test_a_column_that_is_there_twice_is_a_problem() -> None:
    plan = read(f"{HEADER},Name", f"acme,,2026-01,{URL},,,")

    assert said(plan) == ["line 1: column name is there more than once"]


def test_an_empty_file_lacks_its_header() -> None:
    assert said(read(""))[0].startswith("line 1: no column advertiser_id")


def test_other_columns_are_left_alone_and_named() -> None:
    plan = read(f"{HEADER},budget", f"acme,,2026-01,{URL},,,100")

    assert ids(plan) == ["acme"]
    assert plan.ignored == ("budget",)
    assert "columns that are not read: budget" in describe(plan, ())


def test_a_file_that_stops_being_csv_is_read_up_to_there() -> None:
    plan = read(HEADER, f"acme,,2026-01,{URL},,", f'beta,"open,2026-01,{URL},,')

    assert ids(plan) == ["acme"]
    assert said(plan)[0].startswith("line 2: behind this line the file is no CSV")


def test_rows_of_a_sql_table_are_read_by_column_with_dates_as_months() -> None:
    rows = [
        {"ADVERTISER_ID": "acme", "last_completed_month": date(2026, 1, 31), "source_url": URL},
        {"ADVERTISER_ID": 17, "last_completed_month": None, "source_url": URL},
        {"ADVERTISER_ID": None, "last_completed_month": 202601, "source_url": None},
    ]
    plan = read_advertisers(rows, now=NOW, first_month="2024-01")

    assert [(tenant.tenant_id, tenant.last_completed_month) for tenant in plan.tenants] == [
        ("acme", "2026-01"),
        ("17", None),
    ]
    assert [(problem.line, problem.column) for problem in plan.problems] == [
        (3, "advertiser_id"),
        (3, "last_completed_month"),
        (3, "source_url"),
    ]


def test_a_sql_table_without_a_row_plans_nothing() -> None:
    assert read_advertisers([], now=NOW, first_month="2024-01") == ImportPlan((), ())


def test_a_sql_table_without_a_needed_column_is_a_problem() -> None:
    plan = read_advertisers([{"id": 1}], now=NOW, first_month="2024-01")

    assert said(plan)[0].startswith("line 1: no column advertiser_id")


def test_the_dry_run_tells_what_is_new_and_what_is_there() -> None:
    plan = read(HEADER, f"acme,Acme,2026-01,{URL},,", f"beta,Beta,,{URL},clicks,", f"g g,,,{URL},,")

    lines = describe(plan, {"acme"})
    assert lines[:2] == [
        "1 to import, 1 already there, problems: 1",
        "import beta (Beta), without a completed month, table clicks",
    ]
    assert lines[2].startswith("problem in line 4, advertiser_id: 'g g' is no tenant id")
    assert describe(plan, ids(plan))[0] == "0 to import, 2 already there, problems: 1"


@given(st.text())
def test_any_text_gives_a_plan_and_never_an_error(text: str) -> None:
    plan = read(HEADER, text)

    assert plan == read(HEADER, text)
    assert len(ids(plan)) == len(set(ids(plan)))
    assert [problem.line for problem in plan.problems] == sorted(p.line for p in plan.problems)


@given(st.lists(st.sampled_from(["acme", "beta", "a b", ""]), max_size=6))
def test_every_row_is_planned_or_listed_or_both_never_neither(names: list[str]) -> None:
    plan = read(HEADER, *(f"{name},x,2026-01,{URL},," for name in names))

    planned = {tenant.tenant_id for tenant in plan.tenants}
    assert len(plan.tenants) + len(plan.problems) == len(names)
    assert planned == set(names) & {"acme", "beta"}


@pytest.mark.parametrize("written", ["utf-8", "utf-8-sig", "utf-16", "cp949", "euc-kr"])
def test_a_file_is_read_in_each_charset_that_spreadsheets_write(written: str):
    text = "advertiser_id,name\nacme,펲시 가게\n"
    assert decode_csv(text.encode(written)) == text
