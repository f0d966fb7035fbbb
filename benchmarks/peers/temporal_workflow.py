"""The lead workflow on Temporal, in a module of its own as its sandbox wants it."""

import asyncio
from datetime import timedelta

from temporalio import workflow

WINDOWS = (3_600, 259_200, 1_209_600)


@workflow.defn(name="lead")
class LeadWorkflow:
    @workflow.run
    async def run(self, lead: str, text: str) -> None:
        for kind in ("lead", "welcome"):
            await workflow.execute_activity(
                "deliver", args=[kind, lead, text], start_to_close_timeout=timedelta(seconds=60)
            )
        await asyncio.gather(*(workflow.sleep(seconds) for seconds in WINDOWS))
