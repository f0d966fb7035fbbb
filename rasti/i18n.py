"""The words users see, in their language: English in the code, Russian in `locale/ru`, compiled when it is needed.

`python -m rasti.i18n` compiles the catalogues; `python -m rasti.i18n update` also brings them up to date with the code.
"""

import gettext
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ast

    from babel.messages.catalog import Catalog

SOURCE = "en"
LANGUAGES = ("ru", SOURCE)
DEFAULT = "ru"

_LOCALE = Path(__file__).parent / "locale"
_PACKAGES = ("rasti", "models", "tasks", "flows")
# A message is the first argument of these. Errors are translated where they are shown, so their classes stand here too.
_ERRORS = {
    "RastiError",
    "BadInput",
    "NotFound",
    "Refused",
    "Conflict",
    "TooMany",
    "Forbidden",
    "TooLarge",
    "Unavailable",
    "DatabaseUnavailable",
    "NotUpgraded",
}
_FUNCTIONS = {"_", "marked", "Reason", "Cause", "Delayed", "Rejected", "Unsendable", "FolderUnreadable"} | _ERRORS
# Words that are stored as they are and translated where they are shown, from `rasti.rules.kinds`.
_WORDS = {
    *("LeadState", "AttemptEnd", "Verdict", "ContactKind", "Outcome", "ContactEffect"),
    *("NotRanked", "Skipped", "TenureEnd", "PauseReason"),
}


def _(message: str) -> str:
    """The message in the installation's language (RASTI_LANGUAGE, Russian by default)."""
    return translator(language())(message)


def language() -> str:
    """The installation's language, without the cost of reading all settings; an unknown one is the default."""
    chosen = os.environ.get("RASTI_LANGUAGE") or _language_of_env_file()
    return chosen if chosen in LANGUAGES else DEFAULT


@lru_cache(maxsize=1)
def _language_of_env_file() -> str:
    with suppress(OSError, UnicodeDecodeError):
        found = re.search(r"^\s*(?:export\s+)?RASTI_LANGUAGE\s*=\s*['\"]?(\w+)", Path(".env").read_text("utf-8"), re.M)
        if found:
            return found[1]
    return DEFAULT


@lru_cache
def translator(language: str) -> Callable[[str], str]:
    """A function that says a message in `language`; a message without a translation stays English."""
    translate = catalogue(language).gettext
    # gettext answers "" with the catalogue's header.
    return lambda message: translate(message) if message else ""


@lru_cache
def catalogue(language: str) -> gettext.NullTranslations:
    """The translations of a language; an unknown language has none."""
    folder = _LOCALE / language / "LC_MESSAGES"
    source, compiled = folder / "rasti.po", folder / "rasti.mo"
    if language == SOURCE or not source.exists():
        return gettext.NullTranslations()
    with suppress(OSError):
        if compiled.stat().st_mtime >= source.stat().st_mtime:
            with compiled.open("rb") as file:
                return gettext.GNUTranslations(file)
    # A plain checkout, or a catalogue that was edited: compile it, and keep the result where that is possible.
    content = _compile(source)
    with suppress(OSError):
        _replace(compiled, content)
    return gettext.GNUTranslations(BytesIO(content))


def extract() -> "Catalog":
    """Every message that stands in the code and the templates."""
    from babel.messages.catalog import Catalog
    from babel.messages.extract import extract_from_dir

    root = Path(__file__).parents[1]
    template = Catalog(project="rasti", charset="utf-8")
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            for message in _in_python(path.read_text(encoding="utf-8")):
                template.add(message, locations=[(str(path.relative_to(root)), 0)])
        found = extract_from_dir(
            str(root / package),
            method_map=[("**.j2", "jinja2")],
            options_map={"**.j2": {"silent": "false"}},
            keywords={"_": None, "ngettext": (1, 2)},
        )
        for name, _line, message_id, _comments, context in found:
            template.add(message_id, locations=[(f"{package}/{name}", 0)], context=context)
    return template


def _in_python(code: str) -> Iterator[str]:
    """Babel's own reader takes any text inside the brackets for the message; here it is the first argument itself."""
    import ast

    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and node.args:
            name = getattr(node.func, "id", getattr(node.func, "attr", None))
            yield from _texts(node.args[0]) if name in _FUNCTIONS else ()
        elif isinstance(node, ast.ClassDef) and node.name in _WORDS:
            for statement in node.body:
                yield from _texts(statement.value) if isinstance(statement, ast.Assign) else ()


def _texts(node: "ast.expr") -> Iterator[str]:
    import ast

    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)


def update() -> None:
    """Bring every catalogue up to date with the code: new messages untranslated, unused ones removed."""
    from babel.messages.catalog import Catalog
    from babel.messages.pofile import read_po, write_po

    template = extract()
    for code in LANGUAGES:
        if code == SOURCE:
            continue
        source = _LOCALE / code / "LC_MESSAGES" / "rasti.po"
        if source.exists():
            with source.open("rb") as file:
                catalog = read_po(file, locale=code)
            template.creation_date = catalog.creation_date  # a new date alone is no change
            catalog.update(template, no_fuzzy_matching=True)
        else:
            catalog = Catalog(locale=code, project="rasti", charset="utf-8")
            for message in template:
                if message.id:
                    catalog.add(message.id, locations=message.locations)
        catalog.fuzzy = False
        catalog.header_comment = "# Translations of rasti."
        # Without line numbers: an edit of the code does not change the catalogue.
        content = BytesIO()
        write_po(content, catalog, width=120, include_lineno=False, ignore_obsolete=True, sort_output=True)
        _replace(source, content.getvalue())


def compile_all() -> None:
    """Compile every catalogue that is there."""
    for source in sorted(_LOCALE.glob("*/LC_MESSAGES/rasti.po")):
        _replace(source.with_suffix(".mo"), _compile(source))


def _compile(source: Path) -> bytes:
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    content = BytesIO()
    with source.open("rb") as file:
        write_mo(content, read_po(file))
    return content.getvalue()


def _replace(path: Path, content: bytes) -> None:
    # Two processes may do this at once: each writes a file of its own, and a reader sees a whole one.
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_bytes(content)
    part.replace(path)


if __name__ == "__main__":
    if sys.argv[1:] == ["update"]:
        update()
    compile_all()
