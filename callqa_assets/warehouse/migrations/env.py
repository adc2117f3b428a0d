"""How Alembic runs callqa's migrations: on the connection that `Warehouse.migrate` hands over."""

from alembic import context

from callqa_assets.warehouse.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
