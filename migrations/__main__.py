"""`python -m migrations "what changes"`: writes a new revision from the tables in `resources/state/tables.py`."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic import command
from sqlalchemy import URL

from resources.state.engines import create_state_engine, for_writing
from resources.state.schema import build_config, newest_revision


def write_revision(message: str) -> None:
    """Migrates an empty database to the newest revision and writes down what the tables have beyond it."""
    with TemporaryDirectory() as folder:
        url = URL.create("sqlite+pysqlite", database=str(Path(folder) / "state.db"))
        engine = create_state_engine(url)
        with for_writing(engine).begin() as connection:
            config = build_config(connection)
            command.upgrade(config, "head")
            number = f"{int(newest_revision()) + 1:04}"
            command.revision(config, message, autogenerate=True, rev_id=number)
        engine.dispose()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit('usage: python -m migrations "what changes"')
    write_revision(sys.argv[1])
