"""`make demo`: runs the platform's main jobs against local upstreams, as a user would, and prints what came out.

Everything happens in the folder `demo` of SLUICE_HOME, made anew each time; nothing leaves this machine.
"""

import sys

from platform_assets.core.processes.signals import restore_signals
from platform_assets.demo.games import show_games
from platform_assets.demo.home import DemoError, make_home
from platform_assets.demo.tenants import show_tenants


def main() -> int:
    """Runs the demo; returns 1 if a job failed."""
    restore_signals()
    home = make_home()
    try:
        show_games(home)
        show_tenants(home)
    except DemoError as error:
        print(error, file=sys.stderr)
        return 1
    print(
        f"\nstate:     {home.folder}/state.db (ledger of units, tenants, caps, watermarks)\n"
        f"item log:  {home.folder}/logs/sluice.jsonl\n"
        "look at it in the Dagster UI: make dev DEMO=1"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
