"""`python -m api`: serves the REST API, prints its OpenAPI document, or makes a token.

python -m api                     serve at SLUICE_API_URL, one process
python -m api openapi             the OpenAPI document, for docs/openapi.json
python -m api token NAME ROLE     a new token, and its entry for SLUICE_API_TOKENS
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from typing import cast
from urllib.parse import urlsplit

import uvicorn

from api.app import assemble_routes, build_app, describe_api
from api.auth import Role, mint_token
from api.connections import Connections
from platform_assets.core.errors import PlatformError, RefusedError
from platform_assets.core.processes.signals import restore_signals
from platform_assets.services import Services
from platform_assets.settings import load_settings, read_dotenv
from platform_assets.tenants.runs import open_runs
from resources.logs import open_log

STOP_SECONDS = 10
"""How long open requests may go on when the server is told to stop."""


def main(arguments: Sequence[str]) -> int:
    """Runs one command; 0, or 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="python -m api", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="serve at SLUICE_API_URL (the default)")
    commands.add_parser("openapi", help="print the OpenAPI document")
    token = commands.add_parser("token", help="make a token")
    token.add_argument("name", help="whose it is; stands in the audit trail")
    token.add_argument("role", choices=list(Role))
    asked = parser.parse_args(arguments)
    restore_signals()
    try:
        match asked.command:
            case "openapi":
                _print_openapi()
            case "token":
                _print_token(asked.name, asked.role)
            case _:
                _serve()
    except PlatformError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _serve() -> None:
    read_dotenv()
    settings = load_settings()
    host, port = _read_address(settings.api_url)
    open_log(settings.log_path)
    services = Services(settings)
    app = build_app(services, open_runs(services.dagster_webserver))
    connections = Connections(settings.api_connections)
    # One process: totals, rates and the checks of health are shared within it. No access log: writes have their trail.
    uvicorn.run(
        connections.watch(app),
        host=host,
        port=port,
        http=cast("type[asyncio.Protocol]", connections.accept),
        # Who asks is who is connected, unless `build_app` was told of proxies.
        proxy_headers=False,
        ws="none",
        access_log=False,
        server_header=False,
        log_level="warning",
        timeout_graceful_shutdown=STOP_SECONDS,
    )


def _read_address(url: str) -> tuple[str, int]:
    """Host and port to listen at.

    Raises:
        RefusedError: kind `bad_setting`.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port is None:
        raise RefusedError(
            f"SLUICE_API_URL is {url!r}; write host and port, such as http://127.0.0.1:8000",
            kind="bad_setting",
        )
    return host, port


def _print_openapi() -> None:
    sys.stdout.write(json.dumps(describe_api(assemble_routes()), indent=2) + "\n")


def _print_token(name: str, role: str) -> None:
    token, entry = mint_token(name, role)
    sys.stdout.write(
        f"token, shown this once:        {token}\nentry of SLUICE_API_TOKENS:    {entry}\n"
    )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
