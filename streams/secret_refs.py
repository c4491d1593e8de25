"""Secrets in YAML files are references: `{env: NAME}` or `{file: /run/secrets/x}`; a value in the file is a fault.

Law of this module: a secret is read when it is asked for and shown nowhere: not by repr, not by an error, not in a dump
of the configuration.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from streams.errors import LeadlaneError

RESERVED = "LEADLANE_"  # variables that begin so are settings, and unknown ones are refused
STAND_IN = "00000000-0000-0000-0000-000000000000"  # what `read()` gives where secrets are not needed

_needed: ContextVar[bool] = ContextVar("secrets are needed", default=True)


@contextmanager
def without_secrets() -> Iterator[None]:
    """For checks of a file on a machine that has no secrets: `read()` gives a stand-in."""
    token = _needed.set(False)
    try:
        yield
    finally:
        _needed.reset(token)


class SecretUnreadable(LeadlaneError):
    """A secret is not where the configuration says: the operator's."""

    exit_code = 2


class SecretRef(BaseModel):
    """Where a secret is. `read()` gives it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    env: str | None = Field(default=None, min_length=1)
    file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_value(cls, value: object) -> object:
        if not isinstance(value, dict | SecretRef):
            raise ValueError("expected {env: NAME} or {file: /path}, got a value: a secret does not stand in a file")
        return value

    @model_validator(mode="after")
    def _one_of(self) -> SecretRef:
        if (self.env is None) == (self.file is None):
            raise ValueError("expected either env or file")
        if self.env is not None and self.env.startswith(RESERVED):
            raise ValueError(f"env is {self.env}, expected a name that does not start with {RESERVED}: settings do")
        return self

    def read(self) -> str:
        """The secret, without the line end of a file. Raises SecretUnreadable when it is missing or empty."""
        if not _needed.get():
            return STAND_IN
        if self.env is not None:
            found = os.environ.get(self.env, "")
            if not found:
                raise SecretUnreadable(f"the variable {self.env} is not set, expected a secret in it.")
            return found
        assert self.file is not None
        try:
            found = self.file.read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
            raise SecretUnreadable(f"{self.file}: expected a file with a secret in it, but: {why}.") from None
        if not found:
            raise SecretUnreadable(f"{self.file}: expected a secret in it, it is empty.")
        return found
