"""What the doctor finds, as values, and how it is told to a person or a program. No looking here."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that does not fit.

    Attributes:
        area: Where: `state`, `dagster`, `disk`, or the pipeline.
        kind: Stable name.
        subject: What it is about, such as a partition or an object key.
        text: What was found.
        advice: What a person does about it.
        mend: Puts it right and says how; None where only a person can.
    """

    area: str
    kind: str
    subject: str
    text: str
    advice: str
    mend: Callable[[], str] | None = field(default=None, repr=False, compare=False)

    def describe(self) -> Iterator[str]:
        """Two lines: what was found, and what to do."""
        yield f"{self.area}: {self.kind}: {self.subject}: {self.text}"
        yield f"    {self.advice}" + (" (--mend does it)" if self.mend is not None else "")

    def to_document(self, mended: str = "") -> dict[str, object]:
        """For programs."""
        return {
            "area": self.area,
            "kind": self.kind,
            "subject": self.subject,
            "text": self.text,
            "advice": self.advice,
            "mendable": self.mend is not None,
            "mended": mended,
        }


def sort_problems(problems: Iterable[Problem]) -> list[Problem]:
    """By area, kind and subject."""
    return sorted(problems, key=lambda each: (each.area, each.kind, each.subject))
