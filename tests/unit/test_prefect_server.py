"""Prefect's server as `rasti up` starts it: no thread but one collects garbage (decision 0016)."""

import subprocess
import sys

_INSTEAD_OF_PREFECT = """
import gc, runpy, sys, threading, time, weakref

class Cycle:
    def __init__(self):
        self.me = self

def run_module(name, **_options):
    freed_by = []
    cycle = Cycle()
    weakref.finalize(cycle, lambda: freed_by.append(threading.current_thread().name))
    del cycle
    many = []
    until = time.monotonic() + 30
    while not freed_by and time.monotonic() < until:
        many.append([])  # a thread that makes objects, as the event loop's does
        if len(many) % 10_000 == 0:
            time.sleep(0.01)
    print(name, sys.argv[1:], gc.isenabled(), freed_by)

runpy.run_module = run_module
from rasti.cli.prefect_server import main
main()
"""


def test_garbage_is_collected_in_a_thread_of_its_own() -> None:
    command = [sys.executable, "-c", _INSTEAD_OF_PREFECT, "server", "start"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "prefect ['server', 'start'] False ['garbage collector']"
