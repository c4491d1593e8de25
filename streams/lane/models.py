"""The roles of models as control.models stands, each version compiled once.

Law of this module: no model stops a lane. A version that cannot be used is a problem to report, and its role falls
back: the champion's to the champion before it that can be used, at last to the rules; any other to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from streams import topics
from streams.core.context import ModelVersion
from streams.core.roles import RULES, RULES_ALONE, Models
from streams.errors import LeadlaneError, NotReady
from streams.lane.unreadable import UnreadableRecord, shown
from streams.lane.wire import Wire

if TYPE_CHECKING:
    from streams.core.model import Model

ACTIVE = b"active"  # the key of the record that says who has which role
COMPILED = 16  # versions kept compiled: those with a role, and some of before


class ModelReader:
    """Turns the records of control.models into roles."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def models(self, records: Mapping[bytes, bytes], problems: list[str]) -> Models:
        """The roles; what could not be used is added to `problems`."""
        pointer = records.get(ACTIVE)
        if pointer is None:
            return RULES_ALONE
        try:
            roles = self._decoded(pointer)
        except LeadlaneError as error:
            problems.append(f"{topics.MODELS.name} key 'active': {_what(error)}; the rules decide")
            return RULES_ALONE
        champion = self._champion(records, roles, problems)
        challenger = self._role(records, "challenger", roles.challenger, problems)
        models = Models(
            champion=champion,
            challenger=challenger,
            challenger_share=0.0 if challenger is None else roles.challenger_share,
            shadow=self._role(records, "shadow", roles.shadow, problems),
            frozen=roles.frozen,
        )
        return RULES_ALONE if models == RULES_ALONE else models  # decisions look at models only where there are some

    def _champion(self, records: Mapping[bytes, bytes], roles: ModelVersion, problems: list[str]) -> Model | None:
        for version in (roles.champion, *roles.former):
            if version == RULES:
                return None
            found = self._role(records, "champion", version, problems)
            if found is not None:
                return found
        return None

    def _role(
        self, records: Mapping[bytes, bytes], role: str, version: str | None, problems: list[str]
    ) -> Model | None:
        if version is None:
            return None
        try:
            return self._version(records, version)
        except LeadlaneError as error:
            problems.append(f"{topics.MODELS.name}: {role} {shown(version)}: {_what(error)}; `leadlane model list`")
            return None

    def _version(self, records: Mapping[bytes, bytes], version: str) -> Model:
        packed = records.get(version.encode())
        if packed is None:
            raise NotReady("expected it among the published versions, got none")
        published = self._decoded(packed)
        found = sha256(published.document.encode()).hexdigest()
        if found != published.sha256:
            raise NotReady(f"expected a document with sha256 {shown(published.sha256)}, got one with {found}")
        model = compiled(published.document)
        if isinstance(model, str):
            raise NotReady(model)
        if model.version != version:
            raise NotReady(f"expected its document to be of version {shown(version)}, got {shown(model.version)}")
        return model

    def _decoded(self, value: bytes) -> ModelVersion:
        record = self._wire.decode_control(topics.MODELS.name, value)
        assert isinstance(record, ModelVersion)
        return record


@lru_cache(maxsize=COMPILED)
def compiled(document: str) -> Model | str:
    """The model, or why there is none: a broken document is looked at once, not at each change of the roster."""
    from streams.core.model import load_model

    try:
        return load_model(document)
    except (ValueError, ArithmeticError, RecursionError) as error:  # whatever stands in it, it stops nothing
        return str(error)


def _what(error: LeadlaneError) -> str:
    return error.what if isinstance(error, UnreadableRecord) else str(error.args[0])
