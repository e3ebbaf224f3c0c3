"""How alembic reaches the database: by the connection that `Store.migrate` hands over."""

from alembic import context

from provisioning.fleet.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
