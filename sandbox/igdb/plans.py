"""A filter taken apart into what needs no record (bounds on the id and on `updated_at`) and the rest. Pure."""

from dataclasses import dataclass

from sandbox.igdb.queries import Comparison, Condition, Every

_HIGHEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Bounds:
    """Whole numbers from `low` to `high`, both included."""

    low: int = 0
    high: int = _HIGHEST

    def __contains__(self, value: int | None) -> bool:
        """Whether the value lies within; None does not."""
        return value is not None and self.low <= value <= self.high

    def narrow(self, operator: str, value: int) -> "Bounds":
        """These bounds and `operator value` together; the operator is not `!=`."""
        low = {">": value + 1, ">=": value, "=": value}.get(operator, self.low)
        high = {"<": value - 1, "<=": value, "=": value}.get(operator, self.high)
        return Bounds(max(self.low, low), min(self.high, high))


EVERYTHING = Bounds()


@dataclass(frozen=True, slots=True)
class Plan:
    """A filter taken apart; a row is in when all parts say so.

    Attributes:
        ids: Bounds of the id.
        times: Bounds of `updated_at`, in seconds, which a row without one does not meet; None when it is not asked for.
        chosen: The only ids to look at; None for any.
        rest: What has to be asked of the record itself; None when nothing is left.
    """

    ids: Bounds = EVERYTHING
    times: Bounds | None = None
    chosen: frozenset[int] | None = None
    rest: Condition | None = None


def plan_filter(where: Condition | None) -> Plan:
    """Takes a filter apart."""
    conditions = where.parts if isinstance(where, Every) else (where,) if where else ()
    ids = EVERYTHING
    times: Bounds | None = None
    chosen: frozenset[int] | None = None
    rest: list[Condition] = []
    for condition in conditions:
        if bound := _read_bound(condition, "id"):
            ids = ids.narrow(*bound)
        elif bound := _read_bound(condition, "updated_at"):
            times = (times or EVERYTHING).narrow(*bound)
        elif chosen is None and (listed := _list_ids(condition)) is not None:
            chosen = listed
        else:
            rest.append(condition)
    return Plan(ids, times, chosen, _join(rest))


def _read_bound(condition: Condition, field: str) -> tuple[str, int] | None:
    """Operator and number, if the condition compares this field with a whole number other than by `!=`."""
    if not isinstance(condition, Comparison) or condition.field != field:
        return None
    value = condition.value
    return (
        (condition.operator, value) if type(value) is int and condition.operator != "!=" else None
    )


def _list_ids(condition: Condition) -> frozenset[int] | None:
    if not isinstance(condition, Comparison) or (condition.field, condition.operator) != (
        "id",
        "=",
    ):
        return None
    if not isinstance(condition.value, tuple):
        return None
    return frozenset(value for value in condition.value if type(value) is int)


def _join(conditions: list[Condition]) -> Condition | None:
    if len(conditions) < 2:
        return conditions[0] if conditions else None
    return Every(tuple(conditions))
