"""Starts Prefect's server so that it does not stand still: `python -m rasti.cli.prefect_server` for `prefect`.

Python's garbage collector runs in whatever thread happens to make an object. In the one of the server's event loop it
may free a cursor of a connection that is just waiting for SQLite's write lock: it waits for that connection, the
connection for the lock, and whoever has the lock for the event loop, until Prefect's busy timeout of a minute is over
(seen with 3.8.8 on SQLite: decision 0016). Here it runs in a thread of its own, for which nobody waits.
"""

import gc
import runpy
import sys
import threading
import time

_YOUNG_EVERY = 0.5  # seconds between two collections of what is new
_ALL_EVERY = 60  # of those, between two of everything


def main() -> None:
    """Run Prefect's command line in this process."""
    gc.disable()
    threading.Thread(target=_collect, name="garbage collector", daemon=True).start()
    sys.argv[0] = "prefect"
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


def _collect() -> None:
    rounds = 0
    while True:
        time.sleep(_YOUNG_EVERY)
        rounds += 1
        if rounds % _ALL_EVERY == 0:
            gc.collect()
        elif gc.get_count()[0] > gc.get_threshold()[0]:
            gc.collect(1)


if __name__ == "__main__":
    main()
