"""Where registers come from, and where they go when they were read."""

import json
from pathlib import Path

import pytest

from rasti.clients.inbox import DONE, REFUSED, Source, closes, load_sources, registers_in, settle
from rasti.errors import BadInput, NotFound
from rasti.rules.month import Month


def _listed(folder: Path, text: str) -> Path:
    path = folder / "sources.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def _inbox(folder: Path, *names: str) -> Source:
    source = Source(folder / "inbox", is_folder=True)
    registers_in(source)
    for name in names:
        (source.path / name).write_text(name, encoding="utf-8")
    return source


def test_without_a_list_the_inbox_of_the_home_is_the_source_and_is_made(tmp_path: Path) -> None:
    (source,) = load_sources(None, tmp_path)
    assert registers_in(source) == []
    assert (tmp_path / "inbox").is_dir()


def test_a_list_names_folders_and_files_beside_it(tmp_path: Path) -> None:
    listed = _listed(tmp_path, "- folder: vendor\n  strict: true\n- file: /srv/current.csv\n")
    assert load_sources(listed, Path("var")) == [
        Source(tmp_path / "vendor", is_folder=True, strict=True),
        Source(Path("/srv/current.csv"), is_folder=False),
    ]


@pytest.mark.parametrize(
    "text", ["folder: vendor", "- vendor", "- folder: ''", "- {folder: a, file: b}", "- {folder: a, colour: b}", "- {}",
             "- {folder: a, strict: sometimes}", "[", ""]
)  # fmt: skip
def test_a_broken_list_is_refused_by_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput, match=r"sources\.yaml"):
        load_sources(_listed(tmp_path, text), tmp_path)


def test_a_missing_list_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nowhere\.yaml"):
        load_sources(tmp_path / "nowhere.yaml", tmp_path)


def test_registers_are_read_in_the_order_of_names_and_unfinished_ones_left_alone(tmp_path: Path) -> None:
    source = _inbox(tmp_path, "b.csv", "a.csv", ".hidden", "c.csv.part", "d.tmp", "e.xlsx")
    (source.path / "folder").mkdir()
    assert [path.name for path in registers_in(source)] == ["a.csv", "b.csv", "e.xlsx"]


def test_a_file_is_a_source_while_it_is_there(tmp_path: Path) -> None:
    source = Source(tmp_path / "current.csv", is_folder=False)
    assert registers_in(source) == []
    source.path.touch()
    assert registers_in(source) == [source.path]
    assert settle(source, source.path, DONE, {}) is None
    assert source.path.exists()


def test_a_settled_register_leaves_the_inbox_with_a_report_beside_it(tmp_path: Path) -> None:
    source = _inbox(tmp_path, "a.csv")
    place = settle(source, source.path / "a.csv", REFUSED, {"refused": "почему"})
    assert place == source.path / "refused" / "a.csv"
    assert registers_in(source) == []
    report = (source.path / "refused" / "a.csv.report.json").read_text(encoding="utf-8")
    assert json.loads(report) == {"refused": "почему"}


def test_a_register_of_the_same_name_does_not_overwrite_the_former(tmp_path: Path) -> None:
    for expected in ("a.csv", "a-2.csv", "a-3.csv"):
        source = _inbox(tmp_path, "a.csv")
        place = settle(source, source.path / "a.csv", DONE, {})
        assert place is not None
        assert place.name == expected


def test_a_register_that_another_run_has_taken_is_nobodys_fault(tmp_path: Path) -> None:
    source = _inbox(tmp_path)
    assert settle(source, source.path / "gone.csv", DONE, {}) is None


def test_a_name_may_close_an_issuers_month_D6() -> None:
    assert closes(Path("aug.closes-ООО Центр-2-2019-08.csv")) == ("ООО Центр-2", Month(2019, 8))
    assert closes(Path("august.csv")) is None
    with pytest.raises(BadInput):
        closes(Path("aug.closes-vendor-2019-13.csv"))
