"""One lane decided under another policy or model, held against what it wrote: decision by decision, by meaning.

Up to the window everything is decided as it was. Inside, the change is in force and goes on with its own states: after
a first difference a lead may differ more and more, which is meant. What people did is taken as it was recorded: where a
case of theirs does not exist, their review changes nothing. Timers of the change fire at the lane's recorded clocks.

Law of this module: a decision has the id that it had, also one by a timer that both sides have; a timer that history
did not have gets a number from FOREIGN on. Records that are the same bytes are not decoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import cast

from streams import topics
from streams.core.context import Context
from streams.core.effects import Effect, RecordDecision, UpdateCase
from streams.core.events import CaseReview, OutcomeLabel
from streams.core.state import LeadState, unpack
from streams.lane.job import Job
from streams.lane.privates import Record
from streams.lane.processor import ERASED, RESERVED, Batch, OutputRecord
from streams.lane.replay import Contexts, PlainStore, Transaction, keys_for, transactions
from streams.lane.wire import Wire
from streams.policy.document import Document
from streams.privacy.fields import hidden, untouched
from streams.whatif.casebook import CaseBook, Handling, Outcome
from streams.whatif.change import Alternatives, Change, parsed, published_policies
from streams.whatif.compare import Difference, Side, Track
from streams.whatif.erased import without_erased
from streams.whatif.groups import count_groups
from streams.whatif.history import LaneHistory
from streams.whatif.sides import NOTHING, Pair, Slices, by_decision, split, timers_in
from streams.whatif.story import LaneStory, Plan
from streams.whatif.why import Reasons

FOREIGN = 1 << 40  # numbers of timers that history did not have
LIMIT = 1_000  # due leads of one batch at least, as in a lane
COMPARED = (
    topics.ROUTED.name, topics.LEAD_SCORES.name, topics.CADENCES.name, topics.CASE_EVENTS.name, topics.VERDICTS.name,
    topics.DECISIONS.name,
)  # fmt: skip


def run_lane(job: Job, past: LaneHistory, contexts: Contexts, wire: Wire, plan: Plan) -> LaneStory:
    """Decide a lane under the plan's change. BrokenJournal where history is not whole."""
    return _Lane(job, past, contexts, wire, plan).run()


class _Lane:
    def __init__(self, job: Job, past: LaneHistory, contexts: Contexts, wire: Wire, plan: Plan) -> None:
        past, self._erased = without_erased(job, past)
        self._job, self._past, self._wire, self._plan = job, past, wire, plan
        self._contexts = Alternatives(plan.change, contexts)
        self._store = PlainStore()
        self._store.apply(past.start.states)
        self._keys = keys_for(job, past.keys)
        self._foreign = FOREIGN
        self._tracks: dict[bytes, Track] = {}
        self._tier_differences: dict[bytes, Difference] = {}
        self._holds_seen: dict[str, dict[str, int | None]] = {"recorded": {}, "replayed": {}}
        self._reasons = ReasonsByPolicy(plan.change, published_policies(contexts.controls, wire))
        self._books = CaseBook(), CaseBook()
        self._labels: dict[str, Outcome] = {}
        self.story = LaneStory(past.lane)

    def run(self) -> LaneStory:
        window, story = self._plan.window.after(self._past.start.now), self.story
        tapes = {topic: Slices(window.part_of(self._past.outputs.get(topic, ()))) for topic in COMPARED}
        journal = (self._job.read_entry(record.value or b"") for record in self._past.journal)
        # Several transactions may have the same clock: what they wrote is compared together.
        for now, group in groupby(
            transactions(journal, self._past.inputs, self._past.start), key=lambda each: each.entry.now
        ):
            if window.over(now):
                break
            if not window.begun(now):
                for each in group:
                    self._as_recorded(each)
                continue
            written = {topic: tape.at(now) for topic, tape in tapes.items()}
            self._compare(now, list(group), written)
        story.recorded_cases, story.replayed_cases = ([*book.cases.values()] for book in self._books)
        story.outcomes = list(self._labels.values())
        self._end()
        return story

    # --- deciding -----------------------------------------------------------------------------------------------------

    def _as_recorded(self, transaction: Transaction) -> None:
        entry, records = transaction
        due = self._store.due(entry.now, entry.due)
        if self._erased:
            due = self._erased.due(due, entry)
        batch = Batch(records, due, entry.now, entry.lane, entry.seq, self._keys)
        outcome = self._job.processor.process(self._store.view, batch, self._contexts.recorded(entry.control))
        self._store.apply(outcome.changed)

    def _compare(self, now: int, group: list[Transaction], written: Mapping[str, Sequence[Record]]) -> None:
        story, sent = self.story, dict[str, list[OutputRecord]]()
        was: dict[bytes, bytes | None] = {}  # states before the group
        people: list[tuple[list[Record], Context, Context]] = []
        for transaction in group:
            entry, inputs = transaction
            story.transactions += 1
            story.events += entry.records
            story.erased += sum(record.key == ERASED for record in inputs) if self._erased else 0
            story.control, story.ended_at = entry.control, now
            recorded, context = self._contexts.recorded(entry.control), self._contexts.at(entry.control)
            self._read_people(inputs, recorded, context, was)
            people.append((inputs, recorded, context))
            for batch in self._batches(transaction, written[topics.DECISIONS.name]):
                outcome = self._job.processor.process(self._store.view, batch, context)
                for key in outcome.changed:
                    was.setdefault(key, self._store.view.get(key))
                self._store.apply(outcome.changed)
                for topic, records in outcome.outputs.items():
                    sent.setdefault(topic, []).extend(self._erased.outputs(topic, records, now))
        story.recorded += len(written[topics.DECISIONS.name])
        story.replayed += len(sent.get(topics.DECISIONS.name, ()))
        apart: tuple[list[Effect], list[Effect]] = [], []
        equal: list[Pair] = []  # decisions that are the same on both sides
        for topic in COMPARED:
            ours = [(record.key, record.value) for record in sent.get(topic, ())]
            theirs = [(record.key, record.value) for record in written[topic]]
            if topic == topics.CASE_EVENTS.name:
                for book, pairs in zip(self._books, (theirs, ours), strict=True):
                    for case in self._decoded(topic, pairs):
                        book.write(cast(UpdateCase, case))
            if ours != theirs:
                equal, only_theirs, only_ours = split(theirs, ours)
                apart[0].extend(self._decoded(topic, only_theirs))
                apart[1].extend(self._decoded(topic, only_ours))
            else:
                equal = ours
        leads = self._tracks.keys() | {effect.lead_id.encode() for side in apart for effect in side}
        # A lead that came apart may come together again in a decision that is the same on both sides.
        for effect in self._decoded(topics.DECISIONS.name, (pair for pair in equal if pair[0] in leads)):
            apart[0].append(effect)
            apart[1].append(effect)
        if apart[0] or apart[1]:
            self._tell(now, apart, was, self._reasons.at(self._contexts.recorded(group[-1].entry.control)))
        for inputs, recorded, context in people:  # once more: labels of leads that were not known before this batch
            self._read_labels(inputs, recorded, context, {})

    def _batches(self, transaction: Transaction, decisions: Sequence[Record]) -> Iterator[Batch]:
        """The records of a transaction, then the leads that are due, under the numbers that they had."""
        entry, records = transaction
        due = self._store.due(entry.now, max(entry.due, LIMIT))
        first = entry.seq + entry.records
        numbers = timers_in(decisions, first, first + entry.due)
        if len(due) == entry.due and all(due[number - first] == key for key, number in numbers.items()):
            yield Batch(records, due, entry.now, entry.lane, entry.seq, self._keys)
            return
        yield Batch(records, (), entry.now, entry.lane, entry.seq, self._keys)
        # What happens to one lead by a timer changes no other: the order may be that of the numbers.
        known = sorted((numbers[key], key) for key in due if key in numbers)
        for _, run in groupby(enumerate(known), key=lambda each: each[1][0] - each[0]):
            numbered = [each[1] for each in run]
            yield Batch((), [key for _, key in numbered], entry.now, entry.lane, numbered[0][0], self._keys)
        foreign = [key for key in due if key not in numbers]
        if foreign:
            yield Batch((), foreign, entry.now, entry.lane, self._foreign, self._keys)
            self._foreign += len(foreign)

    def _decoded(self, topic: str, pairs: Iterable[Pair]) -> list[Effect]:
        return [cast(Effect, self._wire.decode_any(topic, value, untouched)) for _, value in pairs if value is not None]

    # --- telling ------------------------------------------------------------------------------------------------------

    def _tell(
        self, now: int, apart: tuple[list[Effect], list[Effect]], was: Mapping[bytes, bytes | None], reasons: Reasons
    ) -> None:
        story = self.story
        recorded, replayed = (by_decision(effects) for effects in apart)
        order = {**recorded, **replayed}
        for decision_id in sorted(order, key=lambda name: _number(recorded.get(name), replayed.get(name))):
            sides = recorded.get(decision_id, NOTHING), replayed.get(decision_id, NOTHING)
            lead_id = next(effect.lead_id for side in sides for effect in side.effects)
            key = lead_id.encode()
            track = self._tracks.get(key)
            if track is None:
                packed = was.get(key)
                track = self._tracks[key] = Track(unpack(packed) if packed else None)
            found = track.differences(decision_id, lead_id, now, *sides, reasons)
            if not found:
                continue
            story.differ += 1
            story.only_recorded += sides[1].record is None and sides[0].record is not None
            story.only_replayed += sides[0].record is None and sides[1].record is not None
            aspects = {difference.aspect for difference in found}
            story.score_only += aspects == {"score"}
            story.aspects.update(aspects)
            for difference in found:
                self._keep(key, difference)
        for side, name in zip(apart, ("recorded", "replayed"), strict=True):
            for effect in side:
                if isinstance(effect, RecordDecision):
                    seen = self._holds_seen[name]
                    for hold in effect.holds_after:
                        seen[f"{effect.lead_id}\0{hold.hold_id}\0{hold.kind}"] = hold.until

    def _keep(self, key: bytes, difference: Difference) -> None:
        story, aspect = self.story, difference.aspect
        if not difference.follows:
            story.whys[aspect, difference.cause] += 1
        kept = story.examples.setdefault(aspect, [])
        if len(kept) < self._plan.examples and not difference.follows:
            kept.append(difference)
        if aspect == "tier":
            self._tier_differences.setdefault(key, difference)
            if not difference.follows:
                self._tier_differences[key] = difference
        if aspect == "verdict":
            story.verdicts[difference.before, difference.after] += 1

    # --- people, labels, groups ---------------------------------------------------------------------------------------

    def _read_people(
        self, records: Iterable[Record], recorded: Context, replayed: Context, was: Mapping[bytes, bytes | None]
    ) -> None:
        for record in records:
            if record.topic == topics.REVIEWS.name:
                review = self._event(record)
                if isinstance(review, CaseReview) and review.case_id and review.dwell_ms is not None:
                    self.story.handling.append(Handling(review.case_id, review.dwell_ms))
        self._read_labels(records, recorded, replayed, was)

    def _read_labels(
        self, records: Iterable[Record], recorded: Context, replayed: Context, was: Mapping[bytes, bytes | None]
    ) -> None:
        """`was`: states of leads that have changed since the last comparison, as they were then."""
        for record in records:
            if record.topic == topics.LABELS.name:
                label = self._event(record)
                if isinstance(label, OutcomeLabel):
                    key = record.key or b""
                    self._label(key, label, was.get(key, self._store.view.get(key)), recorded, replayed)

    def _event(self, record: Record) -> object:
        try:
            return self._wire.decode(record.topic, record.value, hidden)
        except Exception:  # a dead letter on both sides
            return None

    def _label(
        self, key: bytes, label: OutcomeLabel, packed: bytes | None, recorded: Context, replayed: Context
    ) -> None:
        """The latest label of each lead counts, with the tiers as they stood when the first of them came."""
        learning = recorded.policy.learning
        if packed is None or label.outcome not in (*learning.positive, *learning.negative):
            return
        earlier = self._labels.get(label.lead_id)
        is_good = label.outcome in learning.positive
        if earlier is not None:
            if label.occurred_at >= earlier.at:
                self._labels[label.lead_id] = earlier._replace(
                    event_id=label.event_id, at=label.occurred_at, is_good=is_good
                )
            return
        before, after = self._tiers_of(key, unpack(packed))
        policies = recorded.policy, replayed.policy
        self._labels[label.lead_id] = Outcome(
            label.lead_id, label.event_id, label.occurred_at, is_good, before, after,
            before in policies[0].selected, after in policies[1].selected,
            suppresses(recorded, before), suppresses(replayed, after),
        )  # fmt: skip

    def _tiers_of(self, key: bytes, state: LeadState) -> tuple[str, str]:
        """A lead's tier on both sides."""
        track, tier = self._tracks.get(key), state.routing.tier
        return (track.recorded.tier or tier, tier) if track else (tier, tier)

    def _end(self) -> None:
        """How the leads stand at the end of the window."""
        story = self.story
        if not story.transactions:
            return
        recorded, replayed = self._contexts.recorded(story.control), self._contexts.at(story.control)
        names = tuple(dict.fromkeys((*recorded.policy.governance.groups, *replayed.policy.governance.groups)))
        for key, packed in self._store.view.items():
            if key.startswith(RESERVED):
                continue
            state = unpack(packed)
            if not state.routing.tier:
                continue
            before, after = self._tiers_of(key, state)
            story.tiers[before, after] += 1
            if before != after and key in self._tier_differences:
                story.moved.append(self._tier_differences[key]._replace(before=before, after=after))
            selected = before in recorded.policy.selected, after in replayed.policy.selected
            count_groups(story.groups, names, state, selected, self._labels.get(key.decode()))
        self._count_holds()

    def _count_holds(self) -> None:
        before, after = self._holds_seen["recorded"], self._holds_seen["replayed"]
        for name in {**before, **after}:
            kind = name.rpartition("\0")[2]
            if name not in before or name not in after:
                self.story.holds["gained" if name in after else "lost", kind] += 1
            elif before[name] != after[name]:
                longer = after[name] is None or (before[name] is not None and after[name] > before[name])  # type: ignore[operator]
                self.story.holds["longer" if longer else "shorter", kind] += 1


class ReasonsByPolicy:
    """What the tried policy changes, against each policy that was in force."""

    def __init__(self, change: Change, published: Mapping[str, str]) -> None:
        self._published = published
        self._tried = None if change.policy is None else parsed(change.policy, change.policy_source)[0]
        self._made: dict[str, Reasons] = {}

    def at(self, recorded: Context) -> Reasons:
        sha256 = recorded.policy.sha256
        if sha256 not in self._made:
            self._made[sha256] = Reasons(self._document(sha256), self._tried)
        return self._made[sha256]

    def _document(self, sha256: str) -> Document | None:
        text = self._published.get(sha256)
        return None if text is None else parsed(text, "control.policies")[0]


def _number(recorded: Side | None, replayed: Side | None) -> tuple[int, int]:
    """Where a decision stands in its lane."""
    for side in (recorded, replayed):
        if side is not None and side.record is not None:
            return side.record.lane_seq, 0
    return FOREIGN, 0


def suppresses(context: Context, tier: str) -> bool:
    return any(row.id == tier and row.suppress for row in context.policy.tiers)
