"""What the rule files of feed and gateway have in common: strict parts, and a number brought into another range."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Part(BaseModel):
    """A part of a rule file: unknown names are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Scale(Part):
    """A number from one range to another; what lies outside ends at its edge."""

    from_: Annotated[tuple[float, float], Field(alias="from")]
    to: tuple[float, float] = (0.0, 100.0)

    @model_validator(mode="after")
    def _has_width(self) -> Scale:
        if self.from_[0] == self.from_[1]:
            raise ValueError("expected two different numbers in from")
        return self
