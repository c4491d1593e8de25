"""Which model has which role, as the lanes see it: champion, challenger, shadow, each compiled and ready to score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from streams.core.model import Model

RULES = "rules"  # the version that stands for the policy's own score


class Models(msgspec.Struct, frozen=True, gc=False):
    """The roles in force. A role without a model is the rules' (champion) or nobody's."""

    champion: Model | None = None
    challenger: Model | None = None
    challenger_share: float = 0.0
    shadow: Model | None = None
    frozen: bool = False

    @property
    def version(self) -> str:
        """Of the champion."""
        return RULES if self.champion is None else self.champion.version


RULES_ALONE = Models()
