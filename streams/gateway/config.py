"""The gateway's YAML file: sources, limits, secrets by reference.

Law of this module: a configuration that loads can only fail on single requests. All faults are reported at once, each
with file, source and rule, what was expected and what came.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from streams.errors import LeadlaneError
from streams.gateway.mapping import RuleConfig


class BadGatewayConfig(LeadlaneError):
    """The gateway's file is wrong: its author's."""

    exit_code = 2


class SourceConfig(BaseModel):
    """One source: POST /v1/<name>. `options` are the platform's own (secrets, what it verifies)."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    platform: str
    options: Mapping[str, Any] = {}
    lead_id: Any = None  # field rule for every rule that states none
    unmatched: Literal["ignore", "dead"] = "ignore"  # an item that no rule takes
    rate_per_second: Annotated[float, Field(gt=0)] | None = None
    rules: tuple[RuleConfig, ...] = ()
