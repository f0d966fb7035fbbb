"""CPU of a flow run on the warm worker and on the stock process worker: `python -m benchmarks.warm_worker`.

Starts a Prefect server of its own on a free port, runs the same trivial flow on both kinds of worker, and prints CPU
seconds a run (worker with its children, server) and their ratio.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from prefect import flow

PROJECT = Path(__file__).parents[1]
TICK = os.sysconf("SC_CLK_TCK")


@flow(persist_result=False)
def nothing(number: int) -> None:
    """The least a flow can do."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--warm", type=int, default=40, help="runs on the warm worker")
    parser.add_argument("--stock", type=int, default=6, help="runs on the process worker")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        port = _free_port()
        url = f"http://127.0.0.1:{port}/api"
        environment = os.environ | {
            "PREFECT_HOME": home,
            "PREFECT_API_URL": url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_LOGGING_LEVEL": "WARNING",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PWD": str(PROJECT),
        }
        os.environ.update(environment)
        with _process("server", "start", "--host", "127.0.0.1", "--port", str(port)) as server:
            _until(lambda: _answers(url))
            warm = _measure(url, server, "warm", "rasti-warm", options.warm)
            stock = _measure(url, server, "stock", "process", options.stock)
    print(f"{'':8}{'worker':>10}{'server':>10}{'sum':>10}   CPU seconds a run")
    for name, (worker_cpu, server_cpu) in {"warm": warm, "stock": stock}.items():
        print(f"{name:8}{worker_cpu:10.3f}{server_cpu:10.3f}{worker_cpu + server_cpu:10.3f}")
    print(f"the warm worker is {sum(stock) / sum(warm):.1f} times cheaper")


def _measure(url: str, server: int, pool: str, kind: str, runs: int) -> tuple[float, float]:
    """CPU seconds a run: of the worker with its children, and of the server."""
    create = [sys.executable, "-m", "prefect", "work-pool", "create", pool, "--type", kind]
    subprocess.run(create, check=True, stdout=subprocess.DEVNULL)
    with (
        httpx.Client(base_url=f"{url}/") as http,
        _process("worker", "start", "--pool", pool, "--type", kind, "--limit", "2") as worker,
    ):
        deployment = _deploy(http, pool)
        _run(http, deployment, 2)  # the first runs import the flow
        before = _cpu(worker), _cpu(server)
        _run(http, deployment, runs)
        after = _cpu(worker), _cpu(server)
    return (after[0] - before[0]) / runs, (after[1] - before[1]) / runs


def _deploy(http: httpx.Client, pool: str) -> str:
    flow_id = http.post("flows/", json={"name": "nothing"}).raise_for_status().json()["id"]
    deployment = {
        "name": f"nothing-{pool}",
        "flow_id": flow_id,
        "work_pool_name": pool,
        "entrypoint": "benchmarks.warm_worker.nothing",
        "pull_steps": [{"prefect.deployments.steps.set_working_directory": {"directory": str(PROJECT)}}],
    }
    deployment_id: str = http.post("deployments/", json=deployment).raise_for_status().json()["id"]
    return deployment_id


def _run(http: httpx.Client, deployment: str, count: int) -> None:
    """Create runs and wait until all have completed."""
    body = [{"parameters": {"number": number}, "enforce_parameter_schema": False} for number in range(count)]
    http.post(f"deployments/{deployment}/create_flow_run/bulk", json=body).raise_for_status()
    wanted = {
        "deployments": {"id": {"any_": [deployment]}},
        "flow_runs": {"state": {"type": {"not_any_": ["COMPLETED"]}}},
    }
    _until(lambda: http.post("flow_runs/count", json=wanted).json() == 0)


def _cpu(pid: int) -> float:
    """CPU seconds of a process and of its children, the finished and the running ones."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(map(int, fields[11:15])) / TICK + sum(_cpu(int(child)) for child in children)


@contextmanager
def _process(*command: str) -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, "-m", "prefect", *command], cwd=PROJECT, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until(holds: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("waited too long")
        time.sleep(0.3)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").is_success
    except httpx.HTTPError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
