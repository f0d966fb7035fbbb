"""What is taken out of a deployment before it is sent (docs/decisions/0024); tests/e2e deploys to a real server."""

from typing import Any
from uuid import uuid4

import pytest
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.responses import DeploymentResponse

from rasti.worker.deploying import keep

NIGHTLY = {"cron": "10 0 * * *", "timezone": "Europe/Moscow"}
EARLIER = {"cron": "0 5 * * *", "timezone": "Europe/Moscow"}
GIVEN = {"publish": True}


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RASTI_LANGUAGE", "en")


def ours(*schedules: dict[str, Any], **fields: Any) -> DeploymentUpdate:
    """What `prefect deploy` would send of prefect.yaml: it always says whether the deployment is paused."""
    return DeploymentUpdate.model_validate(
        {"paused": False, "work_pool_name": "rasti", "tags": ["ranking"], "schedules": list(schedules)} | fields
    )


def there(*schedules: dict[str, Any], deployed: DeploymentUpdate | None = None, **fields: Any) -> DeploymentResponse:
    """What is on the server; `deployed`: what prefect.yaml said when it was deployed last."""
    if deployed is not None:
        blank = DeploymentResponse(name="ranking", flow_id=uuid4(), work_pool_name="rasti")
        list(keep(blank, deployed))
    version = deployed.version if deployed else None
    fields = {"name": "ranking", "flow_id": uuid4(), "work_pool_name": "rasti", "tags": ["ranking"]} | fields
    return DeploymentResponse.model_validate(fields | {"version": version, "schedules": list(schedules)})


def nightly(**values: Any) -> dict[str, Any]:
    return {"slug": "nightly", "schedule": NIGHTLY, "parameters": GIVEN} | values


def sent(update: DeploymentUpdate) -> dict[str, Any]:
    return update.model_dump(mode="json", exclude_unset=True)


def schedules_sent(update: DeploymentUpdate) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sent(update).get("schedules", [])
    return [
        {"slug": schedule["slug"], "cron": schedule["schedule"]["cron"], "active": schedule.get("active")}
        for schedule in found
    ]


def test_where_nothing_was_changed_neither_pause_nor_schedules_are_sent() -> None:
    update = ours(nightly())
    assert list(keep(there(nightly(), deployed=ours(nightly())), update)) == []
    assert {"paused", "schedules"} & set(sent(update)) == set()
    assert sent(update)["tags"] == ["ranking"]


@pytest.mark.parametrize("added", [{"schedule": EARLIER}, {"schedule": EARLIER, "slug": "early"}])
def test_a_new_time_in_prefect_yaml_pauses_and_resumes_nothing(added: dict[str, Any]) -> None:
    """Also where prefect.yaml says that the schedule is active."""
    present = there(nightly(active=False), added, deployed=ours(nightly()))
    update = ours(nightly(schedule={"cron": "20 1 * * *", "timezone": "Europe/Moscow"}, active=True))
    list(keep(present, update))
    ours_sent = next(schedule for schedule in schedules_sent(update) if schedule["slug"] == "nightly")
    assert ours_sent["cron"] == "20 1 * * *"
    assert not ours_sent["active"]
    others = [schedule for schedule in schedules_sent(update) if schedule["slug"] != "nightly"]
    # Those with a slug the server leaves alone; otherwise it makes all of them anew.
    assert others == ([] if "slug" in added else [{"slug": None, "cron": "0 5 * * *", "active": True}])


def test_what_prefect_yaml_pauses_is_paused() -> None:
    update = ours(nightly(active=False), paused=True)
    list(keep(there(nightly(), deployed=ours(nightly())), update))
    assert sent(update)["paused"] is True
    assert schedules_sent(update) == [{"slug": "nightly", "cron": "10 0 * * *", "active": False}]


def test_a_new_schedule_of_prefect_yaml_is_made() -> None:
    update = ours(nightly(), {"slug": "weekly", "schedule": EARLIER})
    list(keep(there(nightly(active=False), deployed=ours(nightly())), update))
    assert schedules_sent(update) == [{"slug": "weekly", "cron": "0 5 * * *", "active": None}]


def test_parameters_that_prefect_lost_by_pausing_come_back() -> None:
    update = ours(nightly())
    list(keep(there(nightly(active=False, parameters={}), deployed=ours(nightly())), update))
    assert sent(update)["schedules"][0]["parameters"] == GIVEN
    assert not schedules_sent(update)[0]["active"]


def test_parameters_that_somebody_emptied_stay_empty() -> None:
    update = ours(nightly())
    said = list(keep(there(nightly(parameters={}), deployed=ours(nightly())), update))
    assert schedules_sent(update) == []
    assert said == [
        "the schedule nightly of ranking was changed in Prefect: 10 0 * * * Europe/Moscow; "
        "prefect.yaml says: 10 0 * * * Europe/Moscow (publish=true)."
    ]


def test_job_variables_stay_on_the_same_pool_only() -> None:
    update = ours(job_variables={})
    list(keep(there(job_variables={"env": {"A": "1"}}, deployed=ours()), update))
    assert "job_variables" not in sent(update)
    elsewhere = ours(job_variables={}, work_pool_name="plain")
    list(keep(there(job_variables={"env": {"A": "1"}}, deployed=ours()), elsewhere))
    assert sent(elsewhere)["job_variables"] == {}


def test_tags_follow_prefect_yaml_until_somebody_changes_them() -> None:
    update = ours(tags=["new"])
    assert list(keep(there(deployed=ours()), update)) == []
    assert sent(update)["tags"] == ["new"]
    update = ours(tags=["new"])
    assert list(keep(there(deployed=ours(), tags=["theirs"]), update)) == [
        "tags of ranking was changed in Prefect; prefect.yaml says otherwise."
    ]
    assert "tags" not in sent(update)


def test_a_schedule_without_a_slug_cannot_be_told_from_others() -> None:
    with pytest.raises(ValueError, match="a slug"):
        list(keep(there(), ours({"schedule": NIGHTLY})))
