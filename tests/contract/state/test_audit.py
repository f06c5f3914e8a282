from dataclasses import replace

import pytest

from resources.state.audit import AuditEntry, SqlAudit
from resources.state.database import StateDatabase
from tests.fakes.clock import START

ENTRY = AuditEntry(
    at=START,
    actor="작업자",
    role="operate",
    method="POST",
    path="/api/v2/batch/advertisers/acme/trigger",
    tenant="acme",
    status=202,
    detail={"run_id": "run-1", "month": "2026-11"},
)


@pytest.fixture
def audit(database: StateDatabase) -> SqlAudit:
    return SqlAudit(database)


def test_an_entry_is_read_as_it_was(audit: SqlAudit):
    refused = replace(ENTRY, role=None, tenant=None, status=401, detail={})
    audit.add(ENTRY)
    audit.add(refused)
    found = audit.find()
    assert [replace(entry, entry_id=None) for entry in found] == [refused, ENTRY]
    assert all(entry.entry_id is not None for entry in found)


def test_pages_continue_behind_the_last_entry(audit: SqlAudit):
    for status in range(200, 205):
        audit.add(replace(ENTRY, status=status))
    first = audit.find(limit=3)
    assert [entry.status for entry in first] == [204, 203, 202]
    rest = audit.find(limit=3, before_id=first[-1].entry_id)
    assert [entry.status for entry in rest] == [201, 200]
    assert audit.find(before_id=rest[-1].entry_id) == []


def test_text_that_a_database_refuses_is_no_reason_to_lose_an_entry(audit: SqlAudit):
    audit.add(replace(ENTRY, path="/api/\0\ud800", tenant="\0"))
    (found,) = audit.find()
    assert found.path.startswith("/api/")
