"""The lines of a register file: decoded in blocks where all is well, one by one where something is not."""

import hashlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from rasti.clients.file_kinds import LOOKED_AT, not_utf_8, refuse_other_kinds

LONGEST_LINE = 65_536  # bytes, with its end
_BLOCK = 262_144  # bytes read at once; memory, nothing else
_LONGEST_CHARACTER = 4  # bytes in UTF-8


class RegisterLines:
    """A file that is read once, from its first line to its last; then `digest` is that of its bytes."""

    def __init__(self, path: Path, file: BufferedReader) -> None:
        self.path = path
        self.file = file
        self.digest = hashlib.sha256()
        self.read = 0  # bytes so far

    def header(self) -> str:
        """The first line; call it first. Raises BadInput: no CSV, not UTF-8."""
        refuse_other_kinds(self.path, self.file.peek(LOOKED_AT))
        raw = self._end_of_line()
        return self._text(1, raw, "utf-8-sig")[0]

    def blocks(self) -> Iterator[tuple[int, list[str], bool]]:
        """The number of a line, its text and that of lines after it; whether it is the beginning of one too long.

        Such a line comes alone. Raises BadInput: not UTF-8.
        """
        number = 2
        while block := self._take(self.file.read(_BLOCK)):
            if not block.endswith(b"\n"):
                block += self._end_of_line()
            count = block.count(b"\n") + (not block.endswith(b"\n"))
            texts = _decoded(block)
            if texts is not None:
                yield number, texts, False
            else:
                for place, raw in enumerate(_raw_lines(block), number):
                    text, too_long = self._text(place, raw, "utf-8")
                    yield place, [text], too_long
            number += count

    def _take(self, raw: bytes) -> bytes:
        self.digest.update(raw)
        self.read += len(raw)
        return raw

    def _end_of_line(self) -> bytes:
        """What is left of a line; of one that is too long no more than shows it."""
        kept = part = self._take(self.file.readline(LONGEST_LINE + 1))
        while part and not part.endswith(b"\n"):
            part = self._take(self.file.readline(LONGEST_LINE))
        return kept

    def _text(self, number: int, raw: bytes, encoding: str) -> tuple[str, bool]:
        too_long = len(raw) > LONGEST_LINE
        try:
            text = raw[:LONGEST_LINE].decode(encoding, "replace" if too_long else "strict")
        except UnicodeDecodeError as error:
            raise not_utf_8(self.path, number, raw, error.start + 1) from error
        return text.rstrip("\r\n"), too_long


def _decoded(block: bytes) -> list[str] | None:
    """The lines of a block; None: it is not UTF-8, or a line may be too long."""
    try:
        text = block.decode()
    except UnicodeDecodeError:
        return None
    lines = text.split("\n")
    if text.endswith("\n"):
        lines.pop()
    if max(map(len, lines)) * _LONGEST_CHARACTER >= LONGEST_LINE:
        return None
    return [line.rstrip("\r") for line in lines] if "\r" in text else lines


def _raw_lines(block: bytes) -> list[bytes]:
    """The lines of a block, each with its end."""
    lines = [line + b"\n" for line in block.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]
