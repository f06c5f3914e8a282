"""What a check of data found. Values only: pipelines make them, glue tells Dagster."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one check.

    Attributes:
        name: Name of the check.
        passed: Whether all is well.
        text: What was found, for a person.
        grave: Whether a failure must stop what depends on the data.
        numbers: Values for plots.
    """

    name: str
    passed: bool
    text: str
    grave: bool = False
    numbers: dict[str, Any] = field(default_factory=dict[str, Any])
