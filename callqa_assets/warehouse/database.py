"""Opening the warehouse, and its two kinds of transaction. The other modules have its rows."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import event, exc
from sqlalchemy.engine import ExceptionContext

from callqa_assets.domain.errors import CallqaError

_BUSY_TIMEOUT_MS = 60_000
_WRITES = "callqa_writes"

T = TypeVar("T")


class WarehouseError(CallqaError):
    """The warehouse cannot be used as it is; the message names the cause and the cure."""


class Warehouse:
    """A database with callqa's tables: SQLite (WAL) or PostgreSQL, by URL.

    The URL may hold a password: it is never logged; `label` is what may be shown.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = sa.make_url(url)
            # hide_parameters: an error must not quote a transcript.
            self.engine = sa.create_engine(
                parsed,
                pool_pre_ping=True,
                hide_parameters=True,
                # Text unescaped, so that SQL can search it.
                json_serializer=functools.partial(json.dumps, ensure_ascii=False),
            )
        except (exc.ArgumentError, ValueError, ModuleNotFoundError) as error:
            # The parser's own message repeats the URL, password included.
            raise WarehouseError(
                "CALLQA_WAREHOUSE_URL is not a database URL with an installed driver; write "
                "sqlite:////absolute/path.db, or postgresql+psycopg2://user@host/db with the "
                f"'postgres' extra ({type(error).__name__})"
            ) from None
        self.label = parsed.set(query={}).render_as_string(hide_password=True)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        if self.is_sqlite:
            if parsed.database and parsed.database != ":memory:":
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        else:
            event.listen(self.engine, "handle_error", _hide_row)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that only reads."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self, lock: str | None = None) -> Iterator[sa.Connection]:
        """A transaction that writes; those with the same `lock` run one at a time.

        SQLite takes its one write lock at BEGIN (a read that turns into a write would fail with
        'database is locked' at once, whatever the busy timeout). PostgreSQL takes an advisory
        lock on the name, until commit.
        """
        connected = self.engine.connect().execution_options(**{_WRITES: True})
        with connected as connection, connection.begin():
            if lock is not None and not self.is_sqlite:
                connection.execute(
                    sa.text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": lock}
                )
            yield connection

    def _connect(self) -> sa.Connection:
        try:
            return self.engine.connect()
        except exc.OperationalError as error:
            raise WarehouseError(
                f"the warehouse {self.label} cannot be opened: {error.orig}; check that its server "
                "runs (SQLite: that its folder is writable), and check CALLQA_WAREHOUSE_URL"
            ) from None

    def migrate(self) -> None:
        """Bring the tables to this version's shape. Call it under the home's lock.

        Raises WarehouseError where another version of callqa has brought them further.
        """
        with self._connect() as connection:
            if not self.is_sqlite:  # several homes may share one server
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('migrate'))"))
            stored = MigrationContext.configure(connection).get_current_revision()
            config = alembic_config(connection)
            try:
                if stored is not None:
                    ScriptDirectory.from_config(config).get_revision(stored)
            except CommandError:
                raise WarehouseError(
                    f"the warehouse {self.label} is at revision {stored}, which this version of "
                    "callqa does not know: use the version that wrote it, or an empty database"
                ) from None
            command.upgrade(config, "head")
            connection.commit()

    def require_current(self) -> None:
        """Raise WarehouseError unless the tables have this version's shape."""
        with self._connect() as connection:
            stored = MigrationContext.configure(connection).get_current_revision()
            config = alembic_config(connection)
        expected = ScriptDirectory.from_config(config).get_current_head()
        if stored != expected:
            raise WarehouseError(
                f"the warehouse {self.label} is at revision {stored or 'none'}, this version "
                f"needs {expected}: run `callqa init`"
            )


@functools.cache
def open_warehouse(url: str) -> Warehouse:
    """The process's one Warehouse of this URL; its tables have this version's shape.

    Raises WarehouseError.
    """
    warehouse = Warehouse(url)
    warehouse.require_current()
    return warehouse


def attempt(connection: sa.Connection, work: Callable[[], None]) -> Exception | None:
    """Do one of many things in a transaction; returns its fault, after which no row of it remains.

    Raises OperationalError: the database itself fails, and with it all the others.
    """
    try:
        with connection.begin_nested():
            work()
    except exc.OperationalError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one is not the others' fault
        return error
    return None


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Slices short enough for the bound values of one statement (SQLite allows 32,766)."""
    for start in range(0, len(values), 500):
        yield values[start : start + 500]


def alembic_config(connection: sa.Connection) -> Config:
    """What Alembic's commands need to run callqa's migrations on a connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transaction handling is off: BEGIN is ours, see _begin_sqlite.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={_BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _hide_row(context: ExceptionContext) -> None:
    """Leave out the details of a server's error: they quote the row, and with it the transcript."""
    original, wrapped = context.original_exception, context.sqlalchemy_exception
    primary = getattr(getattr(original, "diag", None), "message_primary", None)
    if primary and wrapped is not None:
        wrapped.args = (wrapped.args[0].replace(str(original), primary),)
        original.args = (primary,)
