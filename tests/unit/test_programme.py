"""The programme file: defaults, months, and errors that name the key and the value."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rasti.clients.programme_file import load_programme
from rasti.errors import BadInput, NotFound, Refused
from rasti.rules.kinds import CheckpointKind
from rasti.rules.month import Month
from rasti.rules.programme import Programme, parse_programme
from tests.clock import moscow
from tests.conftest import ROOT

SHORT: dict[str, Any] = {"timezone": "Europe/Moscow", "first_month": "2019-08", "rules": [{"from": "2019-08"}]}


def test_every_key_but_three_has_the_default_of_the_delivered_file() -> None:
    delivered = load_programme(ROOT / "programme.yaml")
    short = parse_programme(SHORT, source="test")
    assert short.rules == delivered.rules
    assert short == delivered


@pytest.mark.parametrize("empty", [None, ""])
def test_an_empty_last_month_is_an_open_end(empty: object) -> None:
    assert parse_programme(SHORT | {"last_month": empty}, source="test").ends_at is None


def test_rules_apply_from_their_month_on() -> None:
    later = {"from": "2020-01", "drain_per_hour": 5}
    programme = parse_programme(SHORT | {"rules": [{"from": "2019-08", "drain_per_hour": 7}, later]}, source="test")
    drains = [programme.rules_for(Month.parse(month)).drain_per_hour for month in ("2019-12", "2020-01", "2020-02")]
    assert drains == [7, 5, 5]


def test_durations_are_hours_or_texts() -> None:
    regulation = {"1h": [0, "20s"], "3d": ["25s", "40s"], "2w": ["45s", "1m"]}
    rules = parse_programme(SHORT | {"rules": [{"from": "2019-08", "regulation": regulation}]}, source="test").rules[0]
    assert rules.regulation[CheckpointKind.TWO_WEEKS] == (timedelta(seconds=45), timedelta(seconds=60))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"timezone": "Mars/Base"}, ["timezone", "Mars/Base"]),
        ({"first_month": "2019-13"}, ["first_month", "2019-13"]),
        ({"last_month": "2019-07"}, ["last_month"]),
        ({"unknown": 1}, ["unknown"]),
        ({"currency": "roubles"}, ["currency", "roubles"]),
        ({"rules": []}, ["rules"]),
        ({"rules": [{"from": "2019-09"}]}, ["2019-08"]),
        ({"rules": [{"from": "2019-08"}, {"from": "2019-08"}]}, ["rules"]),
        ({"rules": [{"from": "2019-08", "drain_per_hour": 0}]}, ["drain_per_hour", "0"]),
        ({"rules": [{"from": "2019-08", "completion": "15 minutes"}]}, ["completion", "15 minutes"]),
        ({"rules": [{"from": "2019-08", "completion": "99999999999d"}]}, ["completion", "99999999999d"]),
        ({"rules": [{"from": "2019-08", "call_window": "20:00-09:00"}]}, ["call_window", "20:00-09:00"]),
        ({"rules": [{"from": "2019-08", "regulation": {"1h": [0, 1]}}]}, ["regulation"]),
        ({"rules": [{"from": "2019-08", "regulation": {"1h": [0, 1], "3d": [1, 72], "2w": [168, 336]}}]}, ["3d"]),
        ({"rules": [{"from": "2019-08", "minimum_base": "NaN"}]}, ["minimum_base"]),
        ({"rules": [{"from": "2019-08", "working_days": "mon-fri", "holidays": "XX"}]}, ["holidays", "XX"]),
    ],
)
def test_a_wrong_programme_is_named_by_key_and_value(change: dict[str, Any], named: list[str]) -> None:
    with pytest.raises(BadInput) as error:
        parse_programme(SHORT | change, source="programme.yaml")
    assert all(word in str(error.value) for word in ["programme.yaml", *named])


def test_a_key_that_stands_there_twice_is_named(tmp_path: Path) -> None:
    file = tmp_path / "programme.yaml"
    file.write_text((ROOT / "programme.yaml").read_text("utf-8") + "currency: EUR\n", "utf-8")
    with pytest.raises(BadInput, match=r"currency stands there twice.*line"):
        load_programme(file)


def test_a_file_that_is_missing_or_no_yaml_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nowhere\.yaml"):
        load_programme(tmp_path / "nowhere.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("rules: [", encoding="utf-8")
    with pytest.raises(BadInput, match=r"broken\.yaml.*line"):
        load_programme(broken)


@pytest.mark.parametrize(
    ("month", "now", "words"),
    [
        ("2019-07", "2019-09-01 00:00", "outside"),
        ("2020-12", "2021-02-01 00:00", "outside"),
        ("2019-08", "2019-08-31 23:59:59", "not ended"),
    ],
)
def test_only_reporting_months_that_have_ended_are_ranked(
    programme: Programme, month: str, now: str, words: str
) -> None:
    """D4; a month ends at midnight in Moscow (D1)."""
    with pytest.raises(Refused, match=words):
        programme.check_reporting_month(Month.parse(month), moscow(now))
    programme.check_reporting_month(Month.parse("2019-08"), moscow("2019-09-01 00:00"))


def test_the_programme_ends_with_the_last_lead_month(programme: Programme) -> None:
    """R6, D8: to the end of 2020."""
    assert programme.ends_at == moscow("2021-01-01 00:00")
