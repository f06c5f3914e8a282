"""`python -m tests.frozen.make`: writes what is new into the golden files; of days, with `days` after it, a minute.

What is stored stays: a name that is gone or different needs a line in changes.py. To give up a stored name for good,
delete it from the golden file by hand.
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.frozen.areas import AREAS, GOLDEN, read_area, read_golden
from tests.frozen.compare import add_new
from tests.frozen.days import LIVED, read_lived


def main(words: list[str]) -> None:
    for name in LIVED if words == ["days"] else AREAS:
        if name in AREAS:
            _write(name, read_area(name))
        else:
            with TemporaryDirectory() as folder:
                _write(name, read_lived(name, Path(folder)))


def _write(name: str, now: object) -> None:
    path = GOLDEN / f"{name}.json"
    stored = add_new(read_golden(name), now) if path.exists() else now
    text = json.dumps(stored, indent=1, sort_keys=True, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
