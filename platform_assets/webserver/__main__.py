# pyright: standard
"""`python -m platform_assets.webserver`: Dagster's webserver behind the guard of `api/front_door.py`.

python -m platform_assets.webserver OPTIONS...       as `dagster-webserver OPTIONS...`
python -m platform_assets.webserver dev OPTIONS...   as `dagster dev OPTIONS...`, with the guard

Dagster has no place for a middleware, so two of its functions are replaced, here and nowhere else; its command lines,
and how its processes are started and ended, stay its own.
"""

import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

from api.front_door import FrontDoor
from platform_assets.settings import Settings, load_settings, read_dotenv

APP_MAKER = "create_app_from_workspace_process_context"
PROCESS_OPENER = "open_ipc_subprocess"
"""What is replaced in `dagster_webserver.cli` and in `dagster._cli.dev`; without them the start ends with an error."""


def list_hosts(settings: Settings) -> list[str]:
    """Names that the webserver is asked by, besides this machine's own: listed ones, and that of its address."""
    named = [name.strip() for name in settings.dagster_hosts.split(",") if name.strip()]
    own = urlsplit(settings.dagster_url).hostname
    return [*named, *([own] if own else [])]


def run_webserver(arguments: Sequence[str]) -> None:
    """Serves until it is told to stop; the options are those of `dagster-webserver`."""
    from dagster_webserver import cli  # noqa: PLC0415 - seconds to load, and an extra

    read_dotenv()
    hosts = list_hosts(load_settings())
    create_app = getattr(cli, APP_MAKER)

    def create_guarded(*args, **kwargs):  # noqa: ANN002, ANN003, ANN202 - handed on as they come
        return FrontDoor(create_app(*args, **kwargs), hosts)

    setattr(cli, APP_MAKER, create_guarded)
    cli.dagster_webserver(
        list(arguments), prog_name="dagster-webserver", auto_envvar_prefix="DAGSTER_WEBSERVER"
    )


def run_dev(arguments: Sequence[str]) -> None:
    """Starts what `dagster dev` starts, with this webserver in place of Dagster's."""
    from dagster._cli import dev  # noqa: PLC0415 - seconds to load

    open_process = getattr(dev, PROCESS_OPENER)

    def open_guarded(parts, **kwargs):  # noqa: ANN001, ANN003, ANN202 - handed on as they come
        ours = ["platform_assets.webserver" if it == "dagster_webserver" else it for it in parts]
        return open_process(ours, **kwargs)

    setattr(dev, PROCESS_OPENER, open_guarded)
    dev.dev_command(list(arguments), prog_name="dagster dev", auto_envvar_prefix="DAGSTER_CLI_DEV")


def main(arguments: Sequence[str]) -> None:
    """Runs one of the two."""
    if arguments[:1] == ["dev"]:
        run_dev(arguments[1:])
    else:
        run_webserver(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
