"""Reads `programme.yaml`."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from rasti.errors import BadInput, NotFound
from rasti.rules.programme import Programme, parse_programme


class _NoSecondKey(yaml.SafeLoader):
    """YAML keeps the last of two equal keys and says nothing: a rule that stands there twice is a slip of the pen."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _value in node.value if isinstance(key, yaml.ScalarNode)]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"the key {twice} stands there twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _as_text(_loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    return str(node.value)


# YAML makes dates of some texts and fails at 2020-02-30 without naming the key: a day stays the text that it is.
_NoSecondKey.add_constructor("tag:yaml.org,2002:timestamp", _as_text)


def load_programme(path: Path) -> Programme:
    """The programme in a file. Raises NotFound, BadInput that names the line or the key."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NotFound("There is no programme file {path}: set RASTI_PROGRAMME.", path=path) from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput("The programme file {path} cannot be read: {why}.", path=path, why=error) from error
    try:
        data = yaml.load(text, _NoSecondKey)
    except yaml.YAMLError as error:
        raise BadInput("{path} is not YAML: {why}", path=path, why=" ".join(str(error).split())) from error
    return parse_programme(data, source=str(path))
