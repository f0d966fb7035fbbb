"""Reads `programme.yaml`."""

from pathlib import Path

import yaml

from rasti.errors import BadInput, NotFound
from rasti.rules.programme import Programme, parse_programme


def load_programme(path: Path) -> Programme:
    """The programme in a file. Raises NotFound, BadInput that names the line or the key."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NotFound("There is no programme file {path}: set RASTI_PROGRAMME.", path=path) from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput("The programme file {path} cannot be read: {why}.", path=path, why=error) from error
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadInput("{path} is not YAML: {why}", path=path, why=" ".join(str(error).split())) from error
    return parse_programme(data, source=str(path))
