"""Languages: Russian is complete, says the same, and works from a plain checkout."""

import os
import re
import shutil
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from rasti import i18n
from rasti.i18n import _, extract, language, translator


@pytest.fixture(scope="module")
def russian() -> Catalog:
    with (Path(i18n.__file__).parent / "locale" / "ru" / "LC_MESSAGES" / "rasti.po").open("rb") as file:
        return read_po(file, locale="ru")


def _forms(text: str | tuple[str, ...]) -> tuple[str, ...]:
    """A message's text, or its forms by number."""
    return text if isinstance(text, tuple) else (text,)


@pytest.fixture(scope="module")
def template() -> Catalog:
    return extract()


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RASTI_LANGUAGE", raising=False)
    for cached in (i18n.translator, i18n.catalogue, i18n._language_of_env_file):
        cached.cache_clear()


def placeholders(text: str) -> set[str]:
    """The names in braces and in `%(name)s`; a text that is no format string has none."""
    try:
        names = {name for _text, name, _spec, _conversion in Formatter().parse(text) if name}
    except ValueError:
        names = set()
    return names | set(re.findall(r"%\((\w+)\)s", text))


def test_every_message_of_the_code_and_the_templates_is_translated(russian: Catalog, template: Catalog) -> None:
    messages = [message.id for message in template if message.id]
    assert len(messages) > 100
    untranslated = [
        message for message in messages if not (russian.get(message) and all(_forms(russian.get(message).string)))
    ]
    assert untranslated == [], "run `python -m rasti.i18n update`, then translate"


def test_no_translation_is_left_over(russian: Catalog, template: Catalog) -> None:
    known = {message.id for message in template}
    assert [message.id for message in russian if message.id and message.id not in known] == []
    assert not russian.obsolete


def test_a_translation_has_the_same_placeholders(russian: Catalog) -> None:
    different = [
        (message.id, form)
        for message in russian
        for form in _forms(message.string)
        if message.id and placeholders(_forms(message.id)[-1]) != placeholders(form)
    ]
    assert different == []


def test_a_translation_is_russian(russian: Catalog) -> None:
    """What has no Cyrillic letter is a name of ours, or was forgotten."""
    latin = [
        _forms(message.id)[0]
        for message in russian
        if message.id and not all(re.search("[а-яё]", form, re.I) for form in _forms(message.string))
    ]
    assert [text for text in latin if re.search(r"[a-z]{2} [a-z]{2}", text, re.I)] == []


def test_the_words_of_errors_and_templates_are_found(template: Catalog) -> None:
    assert template.get("There is no lead {id}.") is not None
    assert template.get("Lead %(id)s: please call the client") is not None
    assert template.get("The database is ready.") is not None


def test_the_language_is_a_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert language() == "ru"
    assert _("The database is ready.") == "База данных готова."
    monkeypatch.setenv("RASTI_LANGUAGE", "en")
    assert _("The database is ready.") == "The database is ready."
    monkeypatch.setenv("RASTI_LANGUAGE", "klingon")
    assert language() == "ru"


def test_the_language_may_stand_in_the_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("RASTI_HOME=var\nRASTI_LANGUAGE='en'\n", encoding="utf-8")
    assert language() == "en"
    monkeypatch.setenv("RASTI_LANGUAGE", "ru")
    assert language() == "ru"


def test_nothing_stays_nothing_and_unknown_words_stay_english() -> None:
    assert translator("ru")("") == ""
    assert translator("ru")("no such message") == "no such message"
    assert translator("en")("The database is ready.") == "The database is ready."


@pytest.fixture
def checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A plain checkout: the catalogue's source, nothing compiled; its folder."""
    folder = tmp_path / "ru" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    shutil.copy(Path(i18n.__file__).parent / "locale" / "ru" / "LC_MESSAGES" / "rasti.po", folder)
    monkeypatch.setattr(i18n, "_LOCALE", tmp_path)
    return folder


def test_a_plain_checkout_speaks_russian_and_keeps_what_it_compiled(checkout: Path) -> None:
    assert translator("ru")("The database is ready.") == "База данных готова."
    assert (checkout / "rasti.mo").exists()
    assert sorted(path.name for path in checkout.iterdir()) == ["rasti.mo", "rasti.po"]


def test_an_edited_catalogue_is_compiled_anew(checkout: Path) -> None:
    translator("ru")("The database is ready.")
    source = checkout / "rasti.po"
    source.write_text(source.read_text("utf-8").replace("База данных готова.", "Готово!"), "utf-8")
    later = (checkout / "rasti.mo").stat().st_mtime + 10
    os.utime(source, (later, later))
    i18n.translator.cache_clear()
    i18n.catalogue.cache_clear()
    assert translator("ru")("The database is ready.") == "Готово!"


def test_a_folder_that_cannot_be_written_is_no_hindrance(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: Path, _content: bytes) -> None:
        raise PermissionError

    monkeypatch.setattr(i18n, "_replace", refuse)
    assert translator("ru")("The database is ready.") == "База данных готова."
    assert not (checkout / "rasti.mo").exists()
