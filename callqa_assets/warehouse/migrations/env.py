"""How Alembic runs callqa's migrations: on the connection that `Warehouse.migrate` hands over."""

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from alembic import context
from alembic.migration import MigrationContext, MigrationInfo

from callqa_assets.warehouse.published_views import create_views, drop_views
from callqa_assets.warehouse.schema_contract import write_dictionary
from callqa_assets.warehouse.tables import metadata


def finish(
    ctx: MigrationContext, step: MigrationInfo, heads: Collection[Any], run_args: Mapping[str, Any]
) -> None:
    """Once the tables have this version's shape, publish views and their dictionary, and comment.

    None of it is part of the migrations: it always is that of `tables/`. SQLite has no comments.
    """
    if set(heads) != {context.get_head_revision()}:
        return
    connection = context.get_bind()
    create_views(connection)
    write_dictionary(connection)
    if not ctx.dialect.supports_comments:
        return
    for table in metadata.sorted_tables:
        connection.execute(sa.schema.SetTableComment(table))
        for column in table.columns:
            connection.execute(sa.schema.SetColumnComment(column))


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    on_version_apply=finish,
)


def must_drop_views() -> bool:
    """Whether migrations will run that views would be in the way of.

    SQLite rebuilds tables, and a downgrade drops them. On PostgreSQL an upgrade leaves the views,
    and with them what depends on them: columns are only added.
    """
    stored, wanted = context.get_context().get_current_revision(), context.get_revision_argument()
    head = context.get_head_revision()
    is_upgrade = wanted == head
    return stored != wanted and not (is_upgrade and context.get_bind().dialect.name != "sqlite")


with context.begin_transaction():
    if must_drop_views():
        drop_views(context.get_bind())
    context.run_migrations()
