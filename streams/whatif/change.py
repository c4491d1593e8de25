"""What is tried instead of what was in force: another policy, another model, or both.

Law of this module: the policy that is tried takes the place of the recorded one under its version and hash. So records
that mean the same are the same bytes, the samples of audit and exploration are drawn as they were, and approvals that
were given stay given: what is left as a difference is what the change means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from streams import topics
from streams.calendars import calendars_for
from streams.core.context import Context, ModelVersion, Policy
from streams.core.model import load_model
from streams.core.policy import CompiledPolicy
from streams.core.roles import RULES, RULES_ALONE, Models
from streams.lane.privates import Record
from streams.lane.replay import KEPT_CONTEXTS, Contexts
from streams.lane.wire import Wire
from streams.policy.compile import compile_document, load_policy, read_document
from streams.policy.document import Document
from streams.policy.places import Places
from streams.whatif.history import NoHistory


class Change(NamedTuple):
    """What is tried; None: what was in force. Texts, as they are sent to other processes."""

    policy: str | None = None  # YAML
    policy_source: str = ""
    model: str | None = None  # "rules", or a model document (JSON)

    @property
    def policy_version(self) -> str | None:
        return None if self.policy is None else parsed(self.policy, self.policy_source)[0].version

    @property
    def model_version(self) -> str | None:
        return self.model if self.model in (None, RULES) else load_model(self.model or "").version


class Alternatives:
    """The contexts of a history as they would have been under a change."""

    def __init__(self, change: Change, contexts: Contexts) -> None:
        self._change, self._contexts = change, contexts
        self._made: dict[int, tuple[Context, Context]] = {}  # by id of the recorded one, which is kept with it
        self._models = models_of(change.model)

    def recorded(self, offsets: Mapping[str, int]) -> Context:
        context = self._contexts.at(offsets)
        assert isinstance(context, Context), "what-if is for the decision pipeline"
        return context

    def at(self, offsets: Mapping[str, int]) -> Context:
        """The context that stands in for the recorded one at these control offsets."""
        recorded = self.recorded(offsets)
        made = self._made.get(id(recorded))
        if made is None:
            if len(self._made) >= KEPT_CONTEXTS:
                self._made.clear()
            made = self._made[id(recorded)] = recorded, self._instead(recorded)
        return made[1]

    def _instead(self, recorded: Context) -> Context:
        context = recorded
        if self._change.policy is not None:
            version, sha256 = recorded.policy.version, recorded.policy.sha256
            policy = policy_as(self._change.policy, self._change.policy_source, version, sha256)
            same = policy.calendar == recorded.policy.calendar
            calendars = recorded.calendars if same else calendars_for(policy.calendar)
            context = msgspec.structs.replace(context, policy=policy, calendars=calendars)
        if self._models is not None:
            context = msgspec.structs.replace(context, models=self._models)
        return context


@lru_cache(maxsize=8)
def parsed(text: str, source: str) -> tuple[Document, Places]:
    """A policy document; every lane of a process asks for the same few."""
    return read_document(text, source)


@lru_cache(maxsize=8)
def policy_as(text: str, source: str, version: str, sha256: str) -> CompiledPolicy:
    """A policy under the version and hash of another."""
    document, places = parsed(text, source)
    policy = compile_document(document.model_copy(update={"version": version}), places, text, source)
    policy.sha256 = sha256
    return policy


def models_of(model: str | None) -> Models | None:
    """The roles under a model that is tried alone; None: as recorded."""
    if model is None:
        return None
    return RULES_ALONE if model == RULES else Models(champion=load_model(model))


def change_from(policy: Path | None, model: str | None, controls: Mapping[str, Sequence[Record]], wire: Wire) -> Change:
    """The change that was asked for. `model`: a version on control.models, "rules", or a path to a model document."""
    text = None
    if policy is not None:
        try:
            text = policy.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise NoHistory(f"{policy}: expected a policy document (YAML, UTF-8), got {error}.") from error
        load_policy(text, str(policy))  # says everything that is wrong with it before history is read
    return Change(text, str(policy or ""), None if model is None else _model_document(model, controls, wire))


def _model_document(model: str, controls: Mapping[str, Sequence[Record]], wire: Wire) -> str:
    if model == RULES:
        return RULES
    published = published_models(controls, wire)
    path = Path(model)
    try:
        document = published[model].document if model in published else path.read_text(encoding="utf-8")
        load_model(document)
    except (OSError, ValueError) as error:
        known = ", ".join(sorted(published)) or "none"
        raise NoHistory(
            f"--model {model}: expected a version on control.models ({known}), rules, or the path of a model document,"
            f" got {error}."
        ) from error
    return document


def published_models(controls: Mapping[str, Sequence[Record]], wire: Wire) -> dict[str, ModelVersion]:
    """Every model version that history knows."""
    found = (_decoded(wire, topics.MODELS.name, record) for record in controls.get(topics.MODELS.name, ()))
    return {one.version: one for one in found if isinstance(one, ModelVersion) and one.document}


def published_policies(controls: Mapping[str, Sequence[Record]], wire: Wire) -> dict[str, str]:
    """The document of every policy version that history knows, by hash."""
    found = (_decoded(wire, topics.POLICIES.name, record) for record in controls.get(topics.POLICIES.name, ()))
    return {one.sha256: one.document for one in found if isinstance(one, Policy) and one.document}


def _decoded(wire: Wire, topic: str, record: Record) -> object:
    try:
        return None if record.value is None else wire.decode_control(topic, record.value)
    except Exception:  # a control record that nobody understood had no effect then either
        return None
