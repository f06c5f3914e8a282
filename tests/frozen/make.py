"""`python -m tests.frozen.make`: writes new names into the golden files.

What is stored stays: a name that is gone or different needs a line in changes.py. To give up a stored name for good,
delete it from the golden file by hand.
"""

import json

from tests.frozen.areas import AREAS, GOLDEN, read_area, read_golden
from tests.frozen.compare import add_new


def main() -> None:
    for name in AREAS:
        path, now = GOLDEN / f"{name}.json", read_area(name)
        stored = add_new(read_golden(name), now) if path.exists() else now
        text = json.dumps(stored, indent=1, sort_keys=True, ensure_ascii=False)
        path.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
