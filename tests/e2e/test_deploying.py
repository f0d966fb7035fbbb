"""What people set in Prefect stays when we deploy (docs/decisions/0024): a real server, `prefect deploy` itself."""

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.prefect_server import ROOT, PrefectServer

NAME = "monthly-ranking"
NIGHTLY = {"publish": True, "activate": True}


class Deployments:
    """monthly-ranking as it stands in Prefect, freshly deployed, and what people do to it in the UI."""

    def __init__(self, prefect: PrefectServer) -> None:
        self.prefect = prefect

    def read(self, name: str = NAME) -> dict[str, Any]:
        found: dict[str, Any] = self.prefect.get(f"deployments/name/{name}/{name}")
        return found

    @property
    def path(self) -> str:
        return f"deployments/{self.read()['id']}"

    def schedules(self) -> dict[str, dict[str, Any]]:
        """By cron: those that people add have no slug."""
        return {schedule["schedule"]["cron"]: schedule for schedule in self.read()["schedules"]}

    def add(self, cron: str, **values: Any) -> None:
        schedule = {"cron": cron, "timezone": "Europe/Moscow"}
        self.prefect.post(f"{self.path}/schedules", [{"schedule": schedule, "active": True} | values])

    def change(self, cron: str, **values: Any) -> None:
        self.prefect.patch(f"{self.path}/schedules/{self.schedules()[cron]['id']}", values)

    def deploy(self, *names: str, file: Path = ROOT / "prefect.yaml") -> str:
        """Deploy as our users do; what was said to have been kept."""
        self.prefect.deploy(*names, file=file)
        output = (self.prefect.folder / "logs" / "deploy.log").read_text(encoding="utf-8")
        return "\n".join(line for line in output.splitlines() if line.startswith("Kept: "))


@pytest.fixture
def deployed(prefect: PrefectServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployments]:
    monkeypatch.setitem(prefect.environment, "RASTI_LANGUAGE", "en")
    deployments = Deployments(prefect)
    yield deployments
    prefect.delete(deployments.path)
    prefect.deploy(NAME)


def test_a_paused_deployment_stays_paused(deployed: Deployments) -> None:
    deployed.prefect.post(f"{deployed.path}/pause_deployment", {})
    said = deployed.deploy()
    assert deployed.read()["paused"] is True
    assert not deployed.read("sweep")["paused"]
    assert said == f"Kept: the deployment {NAME} is paused."


def test_a_paused_schedule_stays_paused_also_when_another_was_added(deployed: Deployments) -> None:
    deployed.change("10 0 * * *", active=False)
    deployed.add("0 6 1 * *", parameters={"publish": False})
    said = deployed.deploy(NAME)
    ours, added = deployed.schedules()["10 0 * * *"], deployed.schedules()["0 6 1 * *"]
    assert (ours["active"], ours["slug"], ours["parameters"]) == (False, "nightly", NIGHTLY)
    assert (added["active"], added["slug"], added["parameters"]) == (True, None, {"publish": False})
    assert f"the schedule nightly of {NAME} is paused" in said
    assert f"a schedule of {NAME} that was added in Prefect: 0 6 1 * * Europe/Moscow (publish=false)" in said


def test_an_added_schedule_with_a_slug_stays(deployed: Deployments) -> None:
    deployed.add("0 6 1 * *", slug="monthly", active=False)
    deployed.deploy(NAME)
    assert deployed.schedules()["0 6 1 * *"]["active"] is False
    assert deployed.schedules()["10 0 * * *"]["active"] is True


def test_a_changed_time_and_changed_parameters_of_our_schedule_stay(deployed: Deployments) -> None:
    deployed.change("10 0 * * *", schedule={"cron": "0 5 * * *", "timezone": "Europe/Moscow"})
    deployed.change("0 5 * * *", parameters={"publish": False, "activate": False})
    for _deploy in range(2):
        said = deployed.deploy(NAME)
        [schedule] = deployed.read()["schedules"]
        assert schedule["schedule"]["cron"] == "0 5 * * *"
        assert schedule["parameters"] == {"publish": False, "activate": False}
        assert "0 5 * * * Europe/Moscow (publish=false, activate=false); prefect.yaml says: 10 0 * * *" in said


def test_a_deleted_schedule_does_not_come_back(deployed: Deployments) -> None:
    deployed.prefect.delete(f"{deployed.path}/schedules/{deployed.schedules()['10 0 * * *']['id']}")
    said = deployed.deploy(NAME)
    assert deployed.read()["schedules"] == []
    assert f"{NAME} goes without its schedule nightly" in said


def test_what_is_changed_in_prefect_yaml_is_deployed_and_what_was_paused_stays_so(
    deployed: Deployments, tmp_path: Path
) -> None:
    deployed.change("10 0 * * *", active=False)
    deployed.add("0 6 1 * *")
    edited = tmp_path / "prefect.yaml"
    edited.write_text((ROOT / "prefect.yaml").read_text().replace("10 0 * * *", "20 1 * * *"))
    deployed.deploy(NAME, file=edited)
    assert set(deployed.schedules()) == {"20 1 * * *", "0 6 1 * *"}
    assert deployed.schedules()["20 1 * * *"]["active"] is False
    assert deployed.schedules()["20 1 * * *"]["slug"] == "nightly"


def test_changed_parameters_limit_and_queue_stay(deployed: Deployments) -> None:
    before = deployed.read()
    changed = {"parameters": before["parameters"] | {"allow_incomplete": True}, "concurrency_limit": 3}
    deployed.prefect.patch(deployed.path, changed | {"work_pool_name": "rasti", "work_queue_name": "slow"})
    said = deployed.deploy(NAME)
    after = deployed.read()
    assert after["parameters"]["allow_incomplete"] is True
    assert after["global_concurrency_limit"]["limit"] == 3
    assert after["work_queue_name"] == "slow"
    assert said.count("Kept: ") == 3


def test_a_deployment_of_an_older_version_keeps_its_schedules_and_takes_our_words(deployed: Deployments) -> None:
    # Its `version` is the hash that Prefect itself puts there.
    deployed.prefect.patch(deployed.path, {"version": "0123456789abcdef", "description": "old", "tags": ["old"]})
    deployed.change("10 0 * * *", schedule={"cron": "0 5 * * *", "timezone": "Europe/Moscow"})
    deployed.deploy(NAME)
    assert deployed.read()["tags"] == ["ranking"]
    assert list(deployed.schedules()) == ["0 5 * * *"]


def test_two_at_once_keep_what_was_set(deployed: Deployments) -> None:
    deployed.prefect.post(f"{deployed.path}/pause_deployment", {})
    deployed.add("0 6 1 * *")
    deploys = [partial(deployed.prefect.deploy, NAME, log=f"deploy-{number}") for number in range(2)]
    both = [threading.Thread(target=deploy) for deploy in deploys]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert deployed.read()["paused"] is True
    assert set(deployed.schedules()) == {"10 0 * * *", "0 6 1 * *"}
