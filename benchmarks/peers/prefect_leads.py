"""The lead workflow on plain Prefect, as its documentation has it: flows with tasks, a deployment each.

`serve SMTP_PORT`: both deployments served by this process (a process a run). `deploy SMTP_PORT POOL`: made for a pool
of the stock process worker. `intake PORT SMTP_PORT`: the HTTP front. Runs in rasti's environment, which has Prefect,
but uses nothing of rasti.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from prefect import flow, serve, task
from prefect.deployments import run_deployment

from benchmarks.peers.mail import send

ROOT = Path(__file__).resolve().parents[2]
WINDOWS = {"1h": 3_600, "3d": 259_200, "2w": 1_209_600}


@task(retries=2)
def deliver(smtp: int, kind: str, lead: str, text: str) -> None:
    send(smtp, kind, lead, text)


@flow
def checkpoint(lead: str, kind: str) -> None:
    """What is done at a due time."""


@flow
def lead(smtp: int, lead: str, text: str) -> None:
    for kind in ("lead", "welcome"):
        deliver(smtp, kind, lead, text)
    for kind, seconds in WINDOWS.items():
        run_deployment(
            "checkpoint/checkpoint",
            parameters={"lead": lead, "kind": kind},
            scheduled_time=datetime.now(UTC) + timedelta(seconds=seconds),
            timeout=0,
            as_subflow=False,
        )


def main(mode: str, *words: str) -> None:
    if mode == "serve":
        serve(lead.to_deployment("lead"), checkpoint.to_deployment("checkpoint"), limit=4)
    elif mode == "deploy":
        here = str(Path(__file__).relative_to(ROOT))
        for made in (lead, checkpoint):
            source = made.from_source(source=str(ROOT), entrypoint=f"{here}:{made.__name__}")
            source.deploy(made.name, work_pool_name=words[0], ignore_warnings=True, print_next_steps=False)
    else:
        from benchmarks.peers.lead_intake import serve as serve_http
        from benchmarks.peers.lead_intake import text_of

        port, smtp = map(int, words)

        def accept(number: str, body: dict[str, Any]) -> None:
            parameters = {"smtp": smtp, "lead": number, "text": text_of(body)}
            run_deployment("lead/lead", parameters=parameters, timeout=0, as_subflow=False)

        serve_http(accept, port)


if __name__ == "__main__":
    main(*sys.argv[1:])
