"""The rows of a CSV file, plain or gzipped, with their line numbers, and the file's own identity."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from streams.errors import LeadlaneError
from streams.feed.mapping import FileFormat

GZIP_MAGIC = b"\x1f\x8b"
SNIFFED_BYTES = 64_000
DELIMITERS = ",;\t|"
HASH_CHARACTERS = 16
CELL_LIMIT = 10_000_000  # characters of one cell


class BadFile(LeadlaneError):
    """The CSV file cannot be read at all."""

    exit_code = 2


class NumberedRow(NamedTuple):
    """One row below the header."""

    number: int  # 1 is the first
    line: int  # of the file, where the row ends
    cells: Sequence[str]


class CsvFile:
    """A CSV file with a header."""

    def __init__(self, path: Path, form: FileFormat) -> None:
        self.path, self._form = path, form
        csv.field_size_limit(CELL_LIMIT)
        try:
            self.digest = _digest(path)
            self.delimiter = form.delimiter or self._sniffed()
            with self._open() as text:
                self.header: tuple[str, ...] = tuple(next(self._reader(text), ()))
        except OSError as error:
            raise BadFile(f"{path}: expected a CSV file, but: {error.strerror or error}.") from error
        except (UnicodeDecodeError, LookupError) as error:
            raise BadFile(
                f"{path}: expected {form.encoding}, but: {error}. State file.encoding in the mapping."
            ) from error
        if len(self.header) < 2:
            raise BadFile(
                f"{path}: expected a header with columns split by {self.delimiter!r}, got {list(self.header)}. "
                "State file.delimiter in the mapping."
            )
        twice = sorted({name for name in self.header if self.header.count(name) > 1})
        if twice:
            raise BadFile(f"{path}: expected columns with different names, got {', '.join(twice)} more than once.")

    def rows(self) -> Iterator[NumberedRow]:
        """Every row below the header; empty lines are none."""
        with self._open() as text:
            reader = self._reader(text)
            next(reader, None)
            number = 0
            try:
                for cells in reader:
                    if cells:
                        number += 1
                        yield NumberedRow(number, reader.line_num, cells)
            except (csv.Error, UnicodeDecodeError) as error:
                raise BadFile(f"{self.path}: line {reader.line_num + 1}: {error}. Rows before it were read.") from error

    def _open(self) -> io.TextIOWrapper:
        with self.path.open("rb") as file:
            packed = file.read(2) == GZIP_MAGIC
        binary = gzip.open(self.path) if packed else self.path.open("rb")  # noqa: SIM115 (the wrapper closes it)
        return io.TextIOWrapper(binary, encoding=self._form.encoding, newline="")

    def _reader(self, text: io.TextIOWrapper) -> csv._reader:  # type: ignore[name-defined]
        return csv.reader(text, delimiter=self.delimiter, quotechar=self._form.quote)

    def _sniffed(self) -> str:
        """The delimiter that splits the header most often: what csv.Sniffer guesses from prose is no better."""
        with self._open() as text:
            first = text.read(SNIFFED_BYTES).partition("\n")[0]
        return max(DELIMITERS, key=first.count)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:HASH_CHARACTERS]
