"""Which rows a query is answered with: by slices of the sorted keys where the filter allows, by a scan elsewhere.

A page by id range, or by time in the order of time, costs two bisections and a slice. Other filters on `id` and
`updated_at` cost the smaller of their two ranges. A filter on any other field reads every candidate's record (several
microseconds each); the last few results are kept until the table changes, so that paging through them is cheap.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.igdb.plans import EVERYTHING, Bounds, Plan, plan_filter
from sandbox.igdb.queries import Condition, Query, matches
from sandbox.igdb.table import Table, first_key, row_of

_KEPT_RESULTS = 8


@dataclass(frozen=True, slots=True)
class Selection:
    """The ids of one page in their order, and how many rows the query has without limit and offset."""

    ids: Sequence[int]
    total: int


class Selector:
    """Answers queries over one table."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._results: dict[tuple[int, Condition | None, str], list[int]] = {}

    def select(self, query: Query) -> Selection:
        """The rows of a query whose fields are known to exist."""
        plan = self._plan(query.where)
        if plan.chosen is None and plan.rest is None:
            if plan.times is None and query.sort == "id":
                return _page(self._table.ids, self._id_span(plan.ids), query)
            if plan.ids == EVERYTHING and query.sort == "updated_at" and self._all_have_times():
                found = _page(
                    self._table.timeline, self._time_span(plan.times or EVERYTHING), query
                )
                return Selection([row_of(key) for key in found.ids], found.total)
        rows = self._find_sorted(plan, query)
        return _page(rows, range(len(rows)), query)

    def count(self, where: Condition | None) -> int:
        """How many rows meet the filter."""
        return self.select(Query(where=where, limit=0)).total

    def _plan(self, where: Condition | None) -> Plan:
        """The filter's plan; a bound on time that excludes nothing is dropped, so that the shortest way is taken."""
        plan = plan_filter(where)
        if plan.times and len(self._time_span(plan.times)) == len(self._table.ids):
            return Plan(ids=plan.ids, chosen=plan.chosen, rest=plan.rest)
        return plan

    def _all_have_times(self) -> bool:
        return len(self._table.timeline) == len(self._table.ids)

    def _id_span(self, bounds: Bounds) -> range:
        ids = self._table.ids
        return range(bisect_left(ids, bounds.low), bisect_left(ids, bounds.high + 1))

    def _time_span(self, bounds: Bounds) -> range:
        keys = self._table.timeline
        return range(
            bisect_left(keys, first_key(bounds.low)), bisect_left(keys, first_key(bounds.high + 1))
        )

    def _find_sorted(self, plan: Plan, query: Query) -> list[int]:
        if query.where is None:
            return self._sort(self._find(plan), query.sort)
        key = (self._table.version, query.where, query.sort)
        if key not in self._results:
            while len(self._results) >= _KEPT_RESULTS:
                del self._results[next(iter(self._results))]
            self._results[key] = self._sort(self._find(plan), query.sort)
        return self._results[key]

    def _find(self, plan: Plan) -> list[int]:
        table = self._table
        rows = self._narrow(plan)
        if plan.chosen is not None:
            rows = [row_id for row_id in rows if row_id in plan.chosen]
        if plan.rest is None:
            return list(rows)
        return [row_id for row_id in rows if matches(plan.rest, table.read_record(row_id))]

    def _narrow(self, plan: Plan) -> Iterable[int]:
        """Rows within both bounds, found by way of the one that leaves fewer."""
        table = self._table
        id_span = self._id_span(plan.ids)
        by_id = table.ids[id_span.start : id_span.stop]
        if plan.times is None:
            return by_id
        time_span = self._time_span(plan.times)
        if len(time_span) < len(id_span):
            by_time = map(row_of, table.timeline[time_span.start : time_span.stop])
            return [row_id for row_id in by_time if row_id in plan.ids]
        return [row_id for row_id in by_id if table.read_updated_at(row_id) in plan.times]

    def _sort(self, rows: list[int], field: str) -> list[int]:
        """By the field, then by id; rows that lack the field come last."""
        rows.sort()
        if field == "updated_at":
            rows.sort(key=lambda row_id: _rank(self._table.read_updated_at(row_id)))
        elif field != "id":
            rows.sort(key=lambda row_id: _rank(self._table.read_record(row_id).get(field)))
        return rows


def _rank(value: object) -> tuple[int, Any]:
    """Numbers, then texts, then anything else as text, then nothing."""
    if value is None:
        return (3, 0)
    if isinstance(value, int | float):
        return (0, value)
    return (1, value) if isinstance(value, str) else (2, str(value))


def _page(rows: Sequence[int], span: range, query: Query) -> Selection:
    """The page of the rows at the positions `span`, from the low or the high end."""
    if query.descending:
        high = max(span.start, span.stop - query.offset)
        low = max(span.start, high - query.limit)
        return Selection(rows[low:high][::-1], len(span))
    low = min(span.stop, span.start + query.offset)
    return Selection(rows[low : min(span.stop, low + query.limit)], len(span))
