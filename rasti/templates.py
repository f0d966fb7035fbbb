"""Opens a folder of Jinja templates in one language."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, nodes
from jinja2.compiler import CodeGenerator, Frame

from rasti.i18n import catalogue


class _Generator(CodeGenerator):
    """Writes what `_("...")` says into the compiled template: it is the same whenever the template is rendered.

    Looked up each time, as Jinja does, the words took most of the time of a mail.
    """

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:
        match node:
            case nodes.Call(
                node=nodes.Name(name="_"), args=[nodes.Const(value=str() as message)], dyn_args=None, dyn_kwargs=None
            ):
                said = self.environment.translate(message)  # type: ignore[attr-defined]
                values = nodes.Dict([nodes.Pair(nodes.Const(value.key), value.value) for value in node.kwargs])
                words = nodes.TemplateData(said if node.kwargs else said % {})
                self.visit(nodes.Mod(words, values) if node.kwargs else words, frame)
            case _:
                super().visit_Call(node, frame, forward_caller=forward_caller)


class Templates(Environment):
    """Templates whose words are in one language; a variable that is not given is an error."""

    code_generator_class = _Generator

    def __init__(self, folder: Path, language: str, *, autoescape: bool | Callable[[str | None], bool], **options: Any):
        super().__init__(
            loader=FileSystemLoader(folder),
            extensions=["jinja2.ext.i18n"],
            autoescape=autoescape,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,  # or each page and mail asks the disk whether its templates have changed
            **options,
        )
        words = catalogue(language)
        self.translate = words.gettext
        self.install_gettext_translations(words, newstyle=True)  # type: ignore[attr-defined]
