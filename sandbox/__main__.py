"""Entry point: `python -m sandbox <upstream> [options]`. Picks the upstream; its options are its own business."""

import importlib
import sys
from collections.abc import Callable, Sequence
from typing import cast

COMMANDS = {
    "igdb": "sandbox.igdb.command",
    "naver": "sandbox.naver.command",
    "shops": "sandbox.shops.command",
    "tags": "sandbox.tags.command",
    "tenants": "sandbox.tenants.command",
}
"""First word of the command line -> module with `main(arguments) -> exit status`; imported only when asked for."""


def main(arguments: Sequence[str]) -> int:
    """Runs one sandbox until it is told to stop.

    Args:
        arguments: The command line without the program: the upstream's name, then its options.

    Returns:
        Exit status: 0 after a clean stop, 2 when the command line or a file named in it is wrong.
    """
    name = arguments[0] if arguments else ""
    if name not in COMMANDS:
        print(
            f"usage: python -m sandbox {{{','.join(sorted(COMMANDS))}}} [--help]", file=sys.stderr
        )
        return 2
    run = cast(Callable[[Sequence[str]], int], importlib.import_module(COMMANDS[name]).main)
    return run(arguments[1:])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
