"""Words that are written into compiled templates say what Jinja would have looked up."""

from pathlib import Path

import pytest
from jinja2 import UndefinedError
from jinja2.compiler import CodeGenerator
from markupsafe import Markup

from rasti.templates import Templates

SOURCES = [
    '{{ _("Client") }}',
    '{{ _("Hello, %(name)s!", name=name) }}',
    '{{ _("Hello, %(name)s!", name=name|upper) ~ "&" }}',
    '{{ _("Hello, %(name)s!", name="you") }}',
    '{{ _("100 %% of %(name)s", name=name) }}|{{ _("100 %%") }}',
    '{{ _("<b>no such message</b>") }}',
    "{{ _(word) }}",
    '{% set title = _("Client") %}{{ title }}{{ title|length }}',
    '{% macro row(label) %}<{{ label }}>{% endmacro %}{{ row(_("Client")) }}{{ row(label=_("Phone")) }}',
    '{% for key, label in {"a": _("Name"), "b": _("Phone")}.items() %}{{ key }}{{ label }}{% endfor %}',
    '{{ ngettext("%(num)s lead", "%(num)s leads", 5) }}',
    "{% trans %}Client{% endtrans %}{% trans name=name %}Hello, {{ name }}!{% endtrans %}",
]


class Looked(Templates):
    """The same, as Jinja does it: looked up whenever a template is rendered."""

    code_generator_class = CodeGenerator


@pytest.mark.parametrize("escaped", [False, True])
@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("source", SOURCES)
def test_words_are_those_that_jinja_looks_up(source: str, language: str, escaped: bool, tmp_path: Path) -> None:
    given = {"name": "<Ivan & Co>", "word": "Client"}
    ours, jinja = (kind(tmp_path, language, autoescape=escaped) for kind in (Templates, Looked))
    assert ours.from_string(source).render(given) == jinja.from_string(source).render(given)


def test_no_word_is_looked_up_when_a_template_is_rendered(tmp_path: Path) -> None:
    templates = Templates(tmp_path, "ru", autoescape=True)
    template = templates.from_string('{{ _("Client") }}{{ _("Hello, %(name)s!", name=name) }}')

    def refuse(_message: str) -> str:
        raise AssertionError("looked up")

    templates.install_gettext_callables(refuse, refuse, newstyle=True)  # type: ignore[attr-defined]
    assert template.render(name=Markup("<i>")) == "КлиентЗдравствуйте, <i>!"


def test_a_variable_that_is_not_given_is_an_error(tmp_path: Path) -> None:
    templates = Templates(tmp_path, "en", autoescape=False)
    with pytest.raises(UndefinedError, match="name"):
        templates.from_string('{{ _("Hello, %(name)s!", name=name) }}').render()
