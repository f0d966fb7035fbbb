"""What people set in Prefect stays when we deploy: the build step of prefect.yaml (docs/decisions/0024).

`prefect deploy` sends each deployment whole: it would switch on what was paused, take away schedules that were added,
and set back what was changed. prefect.yaml has no word for "leave it", so this step, which runs in the process of
`prefect deploy` before anything is sent, takes out of what is sent whatever people have set. What is not sent the
server leaves alone, so nothing is ever switched on in between, however many deploy at once.

To tell a change made in Prefect from one made in prefect.yaml, the deployment's `version` keeps digests of what
prefect.yaml said when it was deployed last. It stands on two calls of Prefect's client (pinned; tests/e2e).
"""

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate, DeploymentScheduleUpdate, DeploymentUpdate
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.responses import DeploymentResponse

from rasti.i18n import _

Schedule = DeploymentSchedule | DeploymentScheduleUpdate | DeploymentScheduleCreate
# What prefect.yaml said of each schedule (by slug) and of each field, shortened; None: deployed by an older rasti.
Marks = dict[str, str]

_MARK = re.compile(r"(\S+)=([0-9a-f]{8})")
_DEFAULT_QUEUE = "default"

_send_update = PrefectClient.update_deployment
_send_create = PrefectClient.create_deployment


def keep_what_people_set() -> None:
    """The step: from here on this process deploys so that what people set stays, and says what it kept."""
    PrefectClient.update_deployment = _update  # type: ignore[assignment, method-assign]
    PrefectClient.create_deployment = _create  # type: ignore[assignment, method-assign]


async def _update(client: PrefectClient, deployment_id: UUID, deployment: DeploymentUpdate) -> None:
    present = await client.read_deployment(deployment_id)
    kept = list(keep(present, deployment))
    await _send_update(client, deployment_id, deployment)
    for line in kept:
        print(said(line), flush=True)


async def _create(client: PrefectClient, flow_id: UUID, name: str, **ours: Any) -> UUID:
    ours["version"] = _version(_marks(ours.get("schedules") or [], _fields_of_a_new_one(ours)))
    return await _send_create(client, flow_id, name, **ours)


def said(line: str) -> str:
    """How the step says that something was kept; `rasti up` repeats these lines."""
    return _("Kept: {what}").format(what=line)


def keep(present: DeploymentResponse, ours: DeploymentUpdate) -> Iterator[str]:
    """Take out of `ours`, which will be sent, what people have set in Prefect; a line for each such thing."""
    name, last = present.name, _read(present.version)
    now, wanted = _fields_of(present), _fields(ours)
    ours.version = _version(_marks(ours.schedules or [], wanted))
    if not ours.paused:  # what prefect.yaml itself pauses is paused; nothing is ever switched on
        ours.model_fields_set.discard("paused")
    if present.paused:
        yield _("the deployment {name} is paused.").format(name=name)
    for field, value in wanted.items():
        if now[field] == value:
            continue
        if last is not None and last.get(field) != digest(now[field]):
            ours.model_fields_set.difference_update(_PARTS[field])
            yield _("{field} of {name} was changed in Prefect; prefect.yaml says otherwise.").format(
                field=field, name=name
            )
    yield from _keep_schedules(present, ours, last)
    yield from _keep_place(present, ours)


def _keep_schedules(present: DeploymentResponse, ours: DeploymentUpdate, last: Marks | None) -> Iterator[str]:
    """Send only schedules that are new or changed in prefect.yaml, and not changed in Prefect."""
    name = present.name
    there = {str(schedule.slug): schedule for schedule in present.schedules if schedule.slug}
    slugs = {schedule.slug for schedule in ours.schedules or []}
    send: dict[str, DeploymentScheduleUpdate] = {}
    for schedule in ours.schedules or []:
        slug = schedule.slug
        if slug is None:
            # `prefect deploy` shows a ValueError without a traceback.
            raise ValueError(_("Give each schedule of {name} in prefect.yaml a slug.").format(name=name))
        found = there.get(slug)
        before = _value(schedule) if found is None else _value_there(found, schedule)
        if found is None and (last is None or slug in last):
            yield _("{name} goes without its schedule {slug}, which was deleted in Prefect.").format(
                name=name, slug=slug
            )
        elif found is None or (last is not None and last.get(slug) == digest(before)):
            if found is None or _value(found) != _value(schedule):
                send[slug] = schedule if found is None else _updated(schedule, schedule.active)
        elif before != _value(schedule):
            yield _(
                "the schedule {slug} of {name} was changed in Prefect: {theirs}; prefect.yaml says: {ours}."
            ).format(slug=slug, name=name, theirs=_words(found), ours=_words(schedule))
        if found is not None and found.active and schedule.active is False:
            send.setdefault(slug, _updated(found, False))
    for found in present.schedules:
        if found.slug not in slugs:
            yield _("a schedule of {name} that was added in Prefect: {what}.").format(name=name, what=_words(found))
        if not found.active:
            yield _("the schedule {schedule} of {name} is paused.").format(
                schedule=found.slug or _words(found), name=name
            )
    if not send:
        ours.model_fields_set.discard("schedules")
    elif len(there) == len(present.schedules) > 0:
        ours.schedules = list(send.values())  # by their slugs; the server leaves the others alone
    else:
        # The server cannot tell those without a slug apart: it makes all of them anew from what is sent.
        changed = [send.pop(found.slug) if found.slug in send else _updated(found, None) for found in present.schedules]
        old = [_as_active(found, schedule) for found, schedule in zip(present.schedules, changed, strict=True)]
        ours.schedules = [*old, *send.values()]


def _keep_place(present: DeploymentResponse, ours: DeploymentUpdate) -> Iterator[str]:
    """On the same pool: the queue and the job variables, of which prefect.yaml says nothing."""
    if present.work_pool_name != ours.work_pool_name:
        return
    if not ours.work_queue_name and present.work_queue_name not in (None, _DEFAULT_QUEUE):
        ours.work_queue_name = present.work_queue_name
        yield _("{name} uses the work queue {queue}.").format(name=present.name, queue=present.work_queue_name)
    if not ours.job_variables and present.job_variables:
        ours.model_fields_set.discard("job_variables")
        yield _("{field} of {name} was changed in Prefect; prefect.yaml says otherwise.").format(
            field="job_variables", name=present.name
        )


# What makes up each of the fields that the page of a deployment lets people edit.
_PARTS = {
    "description": ("description",),
    "tags": ("tags",),
    "parameters": ("parameters",),
    "concurrency_limit": ("concurrency_limit", "concurrency_options"),
}


def _fields_of(present: DeploymentResponse) -> dict[str, object]:
    limit, options = present.global_concurrency_limit, present.concurrency_options
    return _as_fields(present.description, present.tags, present.parameters, limit.limit if limit else None, options)


def _fields(ours: DeploymentUpdate) -> dict[str, object]:
    return _as_fields(ours.description, ours.tags, ours.parameters, ours.concurrency_limit, ours.concurrency_options)


def _fields_of_a_new_one(ours: dict[str, Any]) -> dict[str, object]:
    return _as_fields(*(ours.get(name) for parts in _PARTS.values() for name in parts))


def _as_fields(
    description: str | None, tags: list[str] | None, parameters: dict[str, Any] | None, limit: int | None, options: Any
) -> dict[str, object]:
    strategy = (
        options["collision_strategy"] if isinstance(options, dict) else getattr(options, "collision_strategy", "")
    )
    return {
        "description": (description or "").strip(),
        "tags": sorted(tags or []),
        "parameters": parameters or {},
        "concurrency_limit": [limit, str(getattr(strategy, "value", strategy)) if limit else ""],
    }


def _value(schedule: Schedule) -> dict[str, Any]:
    assert schedule.schedule is not None
    when = schedule.schedule.model_dump(mode="json", exclude_none=True)
    return {"when": when, "parameters": schedule.parameters or {}}


def _value_there(found: DeploymentSchedule, ours: DeploymentScheduleUpdate) -> dict[str, Any]:
    """What people want of a schedule of ours.

    One that is paused and has no parameters lost them by `prefect deployment schedule pause` (3.8.8), not by a wish.
    """
    value = _value(found)
    if not found.active and not value["parameters"]:
        value["parameters"] = _value(ours)["parameters"]
    return value


def _words(schedule: Schedule) -> str:
    value = _value(schedule)
    when = " ".join(str(part) for name, part in value["when"].items() if name not in ("day_or", "anchor_date"))
    given = ", ".join(f"{name}={json.dumps(part)}" for name, part in value["parameters"].items())
    return f"{when} ({given})" if given else when


def _updated(schedule: DeploymentSchedule | DeploymentScheduleUpdate, active: bool | None) -> DeploymentScheduleUpdate:
    """What to send of a schedule that is there; whether it is active is only sent to pause it."""
    return DeploymentScheduleUpdate(
        slug=schedule.slug,
        schedule=schedule.schedule,
        parameters=schedule.parameters or {},
        active=False if active is False else None,
    )


def _as_active(found: DeploymentSchedule, sent: DeploymentScheduleUpdate) -> DeploymentScheduleUpdate:
    """The same, as active as it is there: it will be made anew."""
    sent.active = found.active and sent.active is not False
    return sent


def _marks(schedules: list[Any], fields: dict[str, object]) -> Marks:
    said = {str(schedule.slug): _value(schedule) for schedule in schedules}
    return {name: digest(value) for name, value in (said | fields).items()}


def digest(value: object) -> str:
    """Eight digits that change when the value does."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:8]


def _version(marks: Marks) -> str:
    return " ".join(f"{name}={mark}" for name, mark in marks.items())


def _read(version: str | None) -> Marks | None:
    marks = dict(_MARK.findall(version or ""))
    return marks or None
