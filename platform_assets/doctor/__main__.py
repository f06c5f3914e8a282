"""`python -m platform_assets.doctor`: holds state database, object store and Dagster against each other, and mends.

Exit status: 0 all is well, or all was mended; 1 something was found; 2 something could not be looked at.
"""

import argparse
import json
import sys
from collections.abc import Sequence

from platform_assets.core.errors import PlatformError
from platform_assets.doctor.checks import CHECKS, Platform, look, open_instance
from platform_assets.doctor.problem import Problem, sort_problems
from platform_assets.services import Services
from platform_assets.settings import load_settings

WELL, FOUND, NOT_LOOKED = 0, 1, 2


def main(arguments: Sequence[str]) -> int:
    """Looks, tells, mends if asked to; the exit status."""
    asked = _parser().parse_args(arguments)
    failed: dict[str, str] = {}
    try:
        services = Services(load_settings())
        _ = services.state, services.objects
        with open_instance() as instance:
            platform = Platform(services, instance, asked.deep)
            problems = _look(platform, asked.only or list(CHECKS), failed)
            mended = _mend(problems, failed) if asked.mend else {}
    except PlatformError as error:
        problems, mended = [], {}
        failed["platform"] = str(error)
    _tell(problems, mended, failed, as_json=asked.json)
    if failed:
        return NOT_LOOKED
    return FOUND if len(mended) < len(problems) else WELL


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m platform_assets.doctor", description=__doc__)
    parser.add_argument("--mend", action="store_true", help="put right what is safe to")
    parser.add_argument("--deep", action="store_true", help="open every table, too")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--only", nargs="+", choices=list(CHECKS), help="only these checks")
    return parser


def _look(platform: Platform, names: Sequence[str], failed: dict[str, str]) -> list[Problem]:
    """The problems; a check that cannot be made is noted, and the others go on."""
    found: list[Problem] = []
    for name in names:
        try:
            found += look(platform, name)
        except (PlatformError, OSError) as error:
            failed[name] = str(error)
    return sort_problems(found)


def _mend(problems: Sequence[Problem], failed: dict[str, str]) -> dict[int, str]:
    """What was done, by the place of its problem."""
    done: dict[int, str] = {}
    for at, problem in enumerate(problems):
        if problem.mend is None:
            continue
        try:
            done[at] = problem.mend()
        except (PlatformError, OSError) as error:
            failed[f"{problem.area} {problem.subject}"] = f"could not be mended: {error}"
    return done


def _tell(
    problems: Sequence[Problem],
    mended: dict[int, str],
    failed: dict[str, str],
    *,
    as_json: bool,
) -> None:
    if as_json:
        found = [each.to_document(mended.get(at, "")) for at, each in enumerate(problems)]
        document = {"problems": found, "not_looked_at": failed}
        sys.stdout.write(f"{json.dumps(document, ensure_ascii=False, indent=1)}\n")
        return
    for at, problem in enumerate(problems):
        lines = list(problem.describe()) if at not in mended else [*problem.describe()][:1]
        lines += [f"    mended: {mended[at]}"] if at in mended else []
        sys.stdout.write("\n".join(lines) + "\n")
    for name, reason in failed.items():
        sys.stderr.write(f"cannot look at {name}: {reason}\n")
    rest = len(problems) - len(mended)
    sys.stdout.write(f"{len(problems)} found, {len(mended)} mended, {rest} left\n")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
