"""What the command lines of the pipelines share: services as the environment says, lines out, a reason when it fails.

What a command does, and its arguments, are in the `__main__.py` of its package.
"""

import sys
from collections.abc import Callable, Iterable

from platform_assets.core.errors import PlatformError
from platform_assets.core.processes.signals import restore_signals
from platform_assets.services import Services
from platform_assets.settings import load_settings
from resources.logs import log_to_stderr


def run_command(command: Callable[[Services], Iterable[str]]) -> int:
    """Runs a command and prints its lines as they come.

    Args:
        command: Answers with the lines, none if it prints by itself.

    Returns:
        The exit status: 0, or 1 with the reason on standard error.
    """
    restore_signals()
    log_to_stderr()
    try:
        for line in command(Services(load_settings())):
            sys.stdout.write(f"{line}\n")
    except PlatformError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
