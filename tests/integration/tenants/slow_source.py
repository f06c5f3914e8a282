"""Tenants' events in PostgreSQL that can be read as slowly as a test wants, and by one reader of a month at a time.

The slowness is a view's: each event that is read takes a while on the server. Where it is exclusive, a second reader of
the same tenant-month gets an error while the first one's transaction is open, whatever anybody's state table says.
"""

from collections.abc import Sequence
from dataclasses import replace

import psycopg2
from sqlalchemy.engine import make_url

from sandbox.tenants.listing import ListedTenant

TWO_READERS = "two read at once"

# A killed reader's transaction ends when the server notices: a second and a half is patience for that.
_FUNCTION = f"""
CREATE TABLE pace (seconds float, exclusive boolean);
INSERT INTO pace VALUES (0, false);
CREATE FUNCTION read_slowly(id text, source text, at timestamp) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    now_pace pace;
    month text := current_schema() || ' ' || source || ' ' || to_char(at, 'YYYY-MM');
BEGIN
    SELECT * INTO now_pace FROM pace;
    PERFORM pg_sleep(now_pace.seconds);
    FOR patience IN 1..30 LOOP
        IF NOT now_pace.exclusive OR pg_try_advisory_xact_lock(hashtextextended(month, 0)) THEN
            RETURN id;
        END IF;
        PERFORM pg_sleep(0.05);
    END LOOP;
    RAISE EXCEPTION '{TWO_READERS}: %', month;
END $$;
"""
_VIEW = """
CREATE VIEW slow_{0} AS SELECT read_slowly(event_id, '{0}', event_at) AS event_id, customer_id, event_at, event_type,
    order_id, quantity, amount, updated_at FROM {0};
"""


class SlowSource:
    """The pace of all tenants of one schema.

    Args:
        url: SQLAlchemy URL of a PostgreSQL schema that the sandbox wrote tenants to.
        tenants: As they were listed.
    """

    def __init__(self, url: str, tenants: Sequence[ListedTenant]) -> None:
        parts = make_url(url)
        self._dsn = parts.set(drivername="postgresql").render_as_string(hide_password=False)
        self.tenants = [replace(tenant, table=f"slow_{tenant.table}") for tenant in tenants]
        self._execute(_FUNCTION)
        for tenant in tenants:
            self._execute(_VIEW.format(tenant.table))

    def set_pace(self, seconds: float, *, exclusive: bool) -> None:
        """How long each event takes from now on, and whether a second reader of a month gets an error."""
        self._execute(f"UPDATE pace SET seconds = {seconds}, exclusive = {exclusive}")

    def _execute(self, statement: str) -> None:
        connection = psycopg2.connect(self._dsn)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connection.close()
