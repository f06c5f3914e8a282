"""Frozen names, keys and contents of objects that were removed or changed on purpose.

The golden files keep what was. A line here allows the difference at its place and under it, and says why:

    "definitions > jobs > games_full": "one job with the mode as its configuration; the name lasts one more version",

A line where nothing differs fails, so that none outlives its reason. New names need no line.
"""

CHANGES: dict[str, str] = {}
"""Place, as a failure prints it -> reason."""
