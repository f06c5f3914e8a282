"""A tracking's ranks over time as a picture (SVG): the first place on top, gaps where it was not exposed. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from xml.sax.saxutils import escape

WIDTH = 720
HEIGHT = 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 34, 34
_LABEL = 70
"""Width of "session 999" and its distance from the line: nearer to the edge it stands left of its line."""
_INK, _GRID, _LINE, _GONE = "#3c4043", "#e0e3e7", "#1a73e8", "#b0b4ba"


@dataclass(frozen=True, slots=True)
class Point:
    """One day of a chart.

    Attributes:
        day: `YYYY-MM-DD`.
        rank: Position from 1; None: not exposed.
        session: The session that the day belongs to.
    """

    day: str
    rank: int | None
    session: int


def draw_ranks(title: str, points: Sequence[Point]) -> str:
    """The picture, 720 x 240. Days without a record are left out of the line, like those without a rank.

    Args:
        title: What is shown, such as the keyword; any text.
        points: By day.
    """
    body = (
        list(_draw_body(points))
        if points
        else [_text(WIDTH / 2, HEIGHT / 2, "no record yet", "middle")]
    )
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    font = 'font-family="system-ui, sans-serif" font-size="11"'
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {font}>',
            f"<title>{escape(title)}</title>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
            _text(_LEFT, 18, title, "start", weight=600),
            *body,
            "</svg>",
        ]
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    """From a day and a rank to a place in the picture."""

    first: date
    days: int
    worst: int

    def x(self, day: str) -> float:
        share = (date.fromisoformat(day) - self.first).days / self.days if self.days else 0.5
        return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 1)

    def y(self, rank: float) -> float:
        share = (rank - 1) / max(self.worst - 1, 1)
        return round(_TOP + share * (HEIGHT - _TOP - _BOTTOM), 1)


def _draw_body(points: Sequence[Point]) -> Iterator[str]:
    first, last = points[0].day, points[-1].day
    days = (date.fromisoformat(last) - date.fromisoformat(first)).days
    worst = max((point.rank for point in points if point.rank is not None), default=1)
    scale = _Scale(date.fromisoformat(first), days, max(worst, 5))
    yield from _draw_grid(scale, first, last)
    for run in _split_runs(points):
        places = [f"{scale.x(point.day)},{scale.y(point.rank or 0)}" for point in run]
        yield f'<polyline points="{" ".join(places)}" fill="none" stroke="{_LINE}" stroke-width="1.5"/>'
    for point in points:
        yield _draw_point(scale, point)
    for before, after in pairwise(points):
        if after.session != before.session:
            x = scale.x(after.day)
            yield f'<path d="M{x} {_TOP}V{HEIGHT - _BOTTOM}" stroke="{_GONE}" stroke-dasharray="3 3"/>'
            left = x + _LABEL > WIDTH - _RIGHT
            place, anchor = (x - 3, "end") if left else (x + 3, "start")
            yield _text(place, _TOP + 8, f"session {after.session}", anchor, color=_GONE)


def _draw_grid(scale: _Scale, first: str, last: str) -> Iterator[str]:
    for rank in sorted({1, round((1 + scale.worst) / 2), scale.worst}):
        y = scale.y(rank)
        yield f'<path d="M{_LEFT} {y}H{WIDTH - _RIGHT}" stroke="{_GRID}"/>'
        yield _text(_LEFT - 8, y + 4, str(rank), "end")
    yield _text(_LEFT, HEIGHT - 10, first, "start")
    if last != first:
        yield _text(WIDTH - _RIGHT, HEIGHT - 10, last, "end")


def _split_runs(points: Sequence[Point]) -> Iterator[Sequence[Point]]:
    """Stretches of exposed days without a gap of a day between."""
    run: list[Point] = []
    for point in points:
        if run and (point.rank is None or _distance(run[-1].day, point.day) > 1):
            yield run
            run = []
        if point.rank is not None:
            run.append(point)
    if run:
        yield run


def _distance(earlier: str, later: str) -> int:
    return (date.fromisoformat(later) - date.fromisoformat(earlier)).days


def _draw_point(scale: _Scale, point: Point) -> str:
    x = scale.x(point.day)
    if point.rank is None:
        y, color, told = HEIGHT - _BOTTOM + 6, _GONE, "not exposed"
    else:
        y, color, told = scale.y(point.rank), _LINE, f"rank {point.rank}"
    return f'<circle cx="{x}" cy="{y}" r="2.5" fill="{color}"><title>{point.day}: {told}</title></circle>'


def _text(
    x: float, y: float, text: str, anchor: str, *, weight: int = 400, color: str = _INK
) -> str:
    place = f'x="{x:g}" y="{y:g}" text-anchor="{anchor}"'
    return f'<text {place} font-weight="{weight}" fill="{color}">{escape(text)}</text>'
