"""How Alembic runs callqa's migrations: on the connection that `Warehouse.migrate` hands over."""

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from alembic import context
from alembic.migration import MigrationContext, MigrationInfo

from callqa_assets.warehouse.tables import metadata


def comment_on_tables(
    ctx: MigrationContext, step: MigrationInfo, heads: Collection[Any], run_args: Mapping[str, Any]
) -> None:
    """Once the tables have this version's shape, write their comments.

    The comments are not part of the migrations: they always are those of `tables/`. SQLite has no
    comments.
    """
    if not ctx.dialect.supports_comments or set(heads) != {context.get_head_revision()}:
        return
    connection = context.get_bind()
    for table in metadata.sorted_tables:
        connection.execute(sa.schema.SetTableComment(table))
        for column in table.columns:
            connection.execute(sa.schema.SetColumnComment(column))


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    on_version_apply=comment_on_tables,
)
with context.begin_transaction():
    context.run_migrations()
