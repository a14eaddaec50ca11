"""Alembic's entry: runs migrations on the connection that :mod:`comity.stores.database` hands over."""

from alembic import context

from comity.stores.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
