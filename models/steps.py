"""A long migration in short transactions, so that nobody waits for all of it."""

import time

from sqlalchemy import Connection

IN_STEPS = "rasti_in_steps"
_BREATH = 0.02  # seconds; SQLite's lock goes to whoever asks while it is free, and those who wait ask now and then


def end_step(connection: Connection) -> None:
    """Keep what a migration did so far, and let go what it holds, if a database in use is being upgraded.

    The upgrade may be broken off here, and the migration run again from its beginning: it has to know what is done.
    """
    if connection.get_execution_options().get(IN_STEPS):
        connection.commit()
        if connection.dialect.name == "sqlite":
            time.sleep(_BREATH)
