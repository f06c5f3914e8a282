from typing import Any

import pytest

from platform_assets.core.errors import PermanentError
from platform_assets.core.months import list_months
from platform_assets.tenants.registration import NAME_LENGTH, plan_tenant
from platform_assets.tenants.tenant import SourceSettings, Tenant, TenantType
from tests.unit.tenants.builders import NOW, SOURCE, at

NEW, EXISTING = TenantType.NEW, TenantType.EXISTING


def plan(tenant_type: TenantType, **said: Any) -> tuple[Tenant, list[str]]:
    values: dict[str, Any] = {
        "tenant_id": "acme",
        "name": "Acme",
        "source": SOURCE,
        "now": NOW,
        "first_month": "2020-01",
    }
    return plan_tenant(tenant_type=tenant_type, **values | said)


def refuse(tenant_type: TenantType, kind: str, **said: Any) -> str:
    with pytest.raises(PermanentError) as caught:
        plan(tenant_type, **said)
    assert caught.value.kind == kind
    return caught.value.message


def test_a_new_tenant_gets_the_current_month_and_the_24_before_it() -> None:
    tenant, months = plan(NEW)

    assert months == list_months("2024-02", "2026-02")
    assert len(months) == 25
    assert tenant.backfill_start_month == tenant.current_processing_month == "2024-02"
    assert tenant.tenant_type is NEW
    assert tenant.active
    assert not tenant.backfill_completed
    assert tenant.last_completed_month is None
    assert tenant.created_at == tenant.updated_at == NOW


def test_the_current_month_is_that_of_the_platforms_timezone() -> None:
    _, months = plan(NEW, now=at("2026-03-01 00:00"))

    assert months[-1] == "2026-03"


def test_a_backfill_begins_no_earlier_than_the_first_month_of_all() -> None:
    assert plan(NEW, first_month="2025-12")[1] == ["2025-12", "2026-01", "2026-02"]


def test_a_backfill_begins_where_it_is_told_to() -> None:
    assert plan(NEW, backfill_start="2026-01")[1] == ["2026-01", "2026-02"]
    assert plan(NEW, backfill_start="2020-01")[1][0] == "2020-01"


@pytest.mark.parametrize("start", ["2019-12", "2026-03"])
def test_a_backfill_outside_the_months_that_can_be_processed_is_refused(start: str) -> None:
    message = refuse(NEW, "bad_month", backfill_start=start)

    assert f"cannot begin in {start}: it has to be within 2020-01" in message
    assert "2026-02, the current month" in message


def test_an_existing_tenant_gets_the_months_since_its_last_completed_one() -> None:
    tenant, months = plan(EXISTING, last_completed_month="2025-12")

    assert months == ["2026-01", "2026-02"]
    assert tenant.tenant_type is EXISTING
    assert tenant.last_completed_month == tenant.current_processing_month == "2025-12"
    assert tenant.backfill_start_month is None
    assert tenant.backfill_completed


def test_an_existing_tenant_without_a_completed_month_begins_with_the_current_one() -> None:
    tenant, months = plan(EXISTING)

    assert months == []
    assert tenant.last_completed_month is None
    assert tenant.current_processing_month is None


@pytest.mark.parametrize("month", ["2019-12", "2026-02"])
def test_the_last_completed_month_may_be_as_early_as_the_one_before_the_first(month: str) -> None:
    assert plan(EXISTING, last_completed_month=month)[0].last_completed_month == month


@pytest.mark.parametrize("month", ["2019-11", "2026-03"])
def test_a_last_completed_month_that_nothing_can_follow_is_refused(month: str) -> None:
    assert f"last completed month {month}" in refuse(
        EXISTING, "bad_month", last_completed_month=month
    )


@pytest.mark.parametrize("text", ["2026-1", "202601", "January", ""])
def test_a_month_of_another_form_is_refused(text: str) -> None:
    assert "written YYYY-MM" in refuse(NEW, "bad_month", backfill_start=text)
    assert "written YYYY-MM" in refuse(EXISTING, "bad_month", last_completed_month=text)


def test_only_a_new_tenant_is_backfilled_and_only_an_existing_one_has_completed_months() -> None:
    assert "only a NEW tenant" in refuse(EXISTING, "bad_month", backfill_start="2025-01")
    assert "register it as EXISTING" in refuse(NEW, "bad_month", last_completed_month="2025-01")


def test_a_bad_id_is_refused() -> None:
    assert "'a b' is no tenant id" in refuse(NEW, "bad_tenant_id", tenant_id="a b")


def test_a_bad_source_is_refused() -> None:
    refuse(NEW, "bad_source", source=SourceSettings("shop.db"))


@pytest.mark.parametrize("name", ["two\nlines", "x" * (NAME_LENGTH + 1), "a\x00b"])
def test_a_name_that_cannot_be_shown_is_refused(name: str) -> None:
    assert "one line of at most 200 characters" in refuse(NEW, "bad_name", name=name)


@pytest.mark.parametrize(
    ("name", "kept"), [(" Acme  ", "Acme"), ("  ", "acme"), ("애크미", "애크미")]
)
def test_a_tenant_is_named_as_said_or_by_its_id(name: str, kept: str) -> None:
    assert plan(NEW, name=name)[0].name == kept
