"""The views that BI clients are given: `published_` and the name of a mart or dimension.

They pass every column through, and nothing else: SQLite knows the type of such a column only, and
clients leave out what has none. They follow from `tables/`, as the comments do, so no migration
names them.
"""

from __future__ import annotations

import sqlalchemy as sa

from callqa_assets.warehouse.tables import PUBLISHED_TABLES, published_days

BI_ROLE = "callqa_bi"
"""Role on PostgreSQL that may read the views and `published_days`, if somebody created it."""


def name_view(table: sa.Table) -> str:
    return f"published_{table.name}"


def drop_views(connection: sa.Connection) -> None:
    """Before tables under them change."""
    for name in sa.inspect(connection).get_view_names():
        if name.startswith("published_"):
            connection.execute(sa.text(f"DROP VIEW {name}"))


def create_views(connection: sa.Connection) -> None:
    """Make the views what the tables are; whoever reads one on PostgreSQL may go on."""
    is_postgresql = connection.dialect.name == "postgresql"
    create = "CREATE OR REPLACE VIEW" if is_postgresql else "CREATE VIEW"
    for table in PUBLISHED_TABLES:
        passed = sa.select(*table.columns).compile(dialect=connection.dialect)
        connection.execute(sa.text(f"{create} {name_view(table)} AS {passed}"))
    if is_postgresql:
        _comment(connection)
        _grant(connection)


def _comment(connection: sa.Connection) -> None:
    """Clients do not look for comments through a view."""
    for table in PUBLISHED_TABLES:
        view = name_view(table)
        for what, comment in (
            (f"VIEW {view}", table.comment),
            *((f"COLUMN {view}.{column.name}", column.comment) for column in table.columns),
        ):
            quoted = sa.literal(comment).compile(
                dialect=connection.dialect, compile_kwargs={"literal_binds": True}
            )
            connection.exec_driver_sql(f"COMMENT ON {what} IS {quoted}")


def _grant(connection: sa.Connection) -> None:
    exists = sa.text("SELECT 1 FROM pg_roles WHERE rolname = :role")
    if connection.scalar(exists, {"role": BI_ROLE}):
        names = ", ".join([published_days.name, *map(name_view, PUBLISHED_TABLES)])
        schema = connection.scalar(sa.text("SELECT quote_ident(current_schema())"))
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {schema} TO {BI_ROLE}")
        connection.exec_driver_sql(f"GRANT SELECT ON {names} TO {BI_ROLE}")
