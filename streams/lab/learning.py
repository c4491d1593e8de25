"""The fold over training.examples: what the learner has learned, how good it was before it learned, and up to where.

Law of this module: pure. The same examples at the same offsets give the same bytes, however often it was dumped and
loaded in between; an offset that was taken already changes nothing. First the example tests what was predicted, then it
teaches.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec

from streams.core.context import ModelVersion, Stamp
from streams.core.effects import EmitExample
from streams.lab.gates import ImpactRatio
from streams.lab.learner import Learner
from streams.lab.matured import Matured

DIGITS = 9  # of examples in a version's name: names in order are versions in order


class Kept(msgspec.Struct, array_like=True):
    """A Learning as it is kept."""

    taken: int
    next: int
    heard_at: int
    learner: bytes
    matured: bytes


class Learning:
    """One line."""

    def __init__(self, line: str) -> None:
        self.line = line
        self.learner, self.matured = Learner(), Matured(line)
        self.taken = 0  # examples, corrections among them
        self.next = 0  # offset: whatever stands before it is learned
        self.heard_at = 0  # emitted_at of the newest example, ms UTC

    @property
    def version(self) -> str:
        """The name of a snapshot taken now."""
        return f"{self.line}-{self.taken:0{DIGITS}d}"

    def take(self, offset: int, example: EmitExample) -> bool:
        """Test, then learn. False: it is learned already."""
        if offset < self.next:
            return False
        features, learner = example.features, self.learner
        self.matured.see(example, learner.predict(features))
        if example.supersedes is None or example.previous is None:
            learner.learn(features, example.label, example.rule_score)
        else:
            learner.correct(features, example.previous, example.label)
        self.taken, self.next = self.taken + 1, offset + 1
        self.heard_at = max(self.heard_at, example.emitted_at)
        return True

    def forget(self, lead_id: str) -> None:
        """Keep nothing of a lead that asked for it; what was learned stays learned."""
        self.matured.forget(lead_id)

    def allow(self, feature: str) -> None:
        """A person lets a feature in, from the next example on."""
        self.learner.allow(feature)

    def snapshot(self, stamp: Stamp, impact: ImpactRatio | None = None, groups: int | None = None) -> ModelVersion:
        """What is known now, as a model version. `impact` and `groups`: what governance says of fairness."""
        metrics = msgspec.to_builtins(self.matured.metrics(impact, groups))
        document = self.learner.document(self.version, self.line, self.next - 1, metrics)
        digest = sha256(document.encode()).hexdigest()
        return ModelVersion(**stamp._asdict(), version=self.version, sha256=digest, document=document, line=self.line)

    def dump(self) -> bytes:
        return msgspec.msgpack.encode(
            Kept(self.taken, self.next, self.heard_at, self.learner.dump(), self.matured.dump())
        )

    @classmethod
    def load(cls, line: str, dumped: bytes) -> Learning:
        """The fold again. ValueError: another format."""
        kept = msgspec.msgpack.decode(dumped, type=Kept)
        learning = cls(line)
        learning.taken, learning.next, learning.heard_at = kept.taken, kept.next, kept.heard_at
        learning.learner, learning.matured = Learner.load(kept.learner), Matured.load(line, kept.matured)
        return learning
