"""The decision processor: input bytes -> event -> decision -> output bytes; what cannot be processed is a dead letter.

Law of this module: every input record ends in exactly one of decided, quiet, duplicate, erased or dead; a record that
fails leaves its lead's state as it was. Of a forgotten lead nothing stays but what streams/core/erasure.py says.
What the records of a batch did is counted with them (streams/lane/statistics.py).

Next: streams/lane/store.py
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import cast

import msgspec
from aiokafka.partitioner import murmur2

from streams import topics
from streams.core import effects
from streams.core.context import Context
from streams.core.decide import Decision, Kind, decide, tick
from streams.core.effects import Effect, ErasureReceipt, UpdateCase
from streams.core.events import ActivitySignal, CaseReview, ErasureRequest
from streams.core.moment import Moment
from streams.core.reading import warm_up
from streams.core.sends import FINE, send_faults
from streams.core.state import LeadState, pack, unpack
from streams.kafka.codec import wire_for
from streams.lane.context import ContextBuilder
from streams.lane.deadletters import dead_letter
from streams.lane.erasures import Erasures
from streams.lane.job import Job, LaneSettings, Sealed
from streams.lane.processor import (
    ERASED,
    ERASURES,
    KEPT,
    RESERVED,
    STATISTICS,
    Batch,
    Headers,
    InputRecord,
    JournalEntry,
    Outcome,
    OutputRecord,
)
from streams.lane.registry import RegistryUnreachable
from streams.lane.sealing import Sealing, load_into
from streams.lane.statistics import NOBODY, Window, untaken, window_of
from streams.lane.unreadable import UnreadableRecord, shown
from streams.lane.wire import Wire
from streams.privacy.keys import Shredded, UnknownKey
from streams.privacy.seal import secrets_of
from streams.settings import load_settings
from streams.traceparent import UNTRACED, Carried, handed_on

TICK_TOPIC = "lane.tick"  # the trigger of decisions that a timer makes
DEAD = "dead"
WINDOW = "window"  # what the timer of the statistics did
RETRY_TICK_MS = 3_600_000  # a timer whose decision fails is looked at again after this
HEADER_ROOM = 1024  # bytes for headers and framing of one record
OUTPUT_TOPIC: dict[type[Effect], str] = {
    effects.RECORD[topic.record]: topic.name for topic in topics.TOPICS if topic.record in effects.RECORD
}  # but for cases, which go to two topics: see _outputs
OUTPUTS = tuple(
    topic.name for topic in topics.TOPICS if topic.role is topics.Role.OUTPUT and topic is not topics.JOURNAL
)


class DecisionPipeline:
    """What `leadlane worker` runs in its lanes."""

    inputs = tuple(topic.name for topic in topics.INPUTS)

    def __init__(self, wire: Wire, lanes: int, max_record_bytes: int) -> None:
        self._wire, self._lanes, self._max_bytes = wire, lanes, max_record_bytes

    def process(self, states: Mapping[bytes, bytes], batch: Batch, context: Context) -> Outcome:
        outcome = Outcome({}, {}, {})
        seq = batch.first_seq
        kept = states.get(STATISTICS)
        window, ended = window_of(kept, batch.now)
        if ended is not None:
            self._send_statistics(ended, batch, context, outcome)
        erasures = Erasures(states.get(ERASURES), batch.now)
        keys = batch.keys
        sealing = None if keys is None else Sealing(keys, self._wire, outcome, batch.lane, batch.now)
        before = window.everybody.counts.copy()
        for record in batch.records:
            try:
                kind = self._record(states, record, seq, batch, context, outcome, window, erasures, sealing)
            except (RegistryUnreachable, UnknownKey):  # no record is to blame: the lane asks, and decides once more
                raise
            except Shredded:  # sealed under a key that has been destroyed: as if it had never come
                kind = Kind.ERASED
            except Exception as error:  # the dead-letter path: whatever went wrong, the lane goes on
                kind = self._failed(record, error, batch, outcome, sealing is not None)
            _count(outcome, record.topic, kind)
            seq += 1
        for key in batch.due:
            if key in KEPT:  # what it was due for has been done above
                _count(outcome, TICK_TOPIC, WINDOW)
            else:
                self._tick(states, key, seq, batch, context, outcome, window, sealing)
            seq += 1
        if window.is_changed:
            outcome = outcome._replace(happened=window.since(before))
        _count_events(outcome, window)
        if window.is_changed:
            outcome.changed[STATISTICS] = window.packed()
        elif ended is not None:
            outcome.changed[STATISTICS] = None
        if erasures.is_changed:
            outcome.changed[ERASURES] = erasures.packed()
        return outcome

    def _failed(self, record: InputRecord, error: Exception, batch: Batch, outcome: Outcome, is_discreet: bool) -> str:
        if record.key == ERASED and record.value is None:  # in a replay: what stands there for a lead that was erased
            return Kind.ERASED
        letter = dead_letter(self._wire, record, error, batch.lane, batch.now, is_discreet=is_discreet)
        outcome.outputs.setdefault(topics.DEAD_LETTERS.name, []).append(letter)
        return DEAD

    def _send_statistics(self, window: Window, batch: Batch, context: Context, outcome: Outcome) -> None:
        outcome.outputs[topics.STATS.name] = [
            OutputRecord(
                f"{stats.lane}/{stats.window_start}/{stats.group}={stats.value}".encode(),
                self._wire.encode(stats),
                self._wire.headers(stats, batch.lane, batch.now),
            )
            for stats in window.stats(batch.lane, context)
        ]

    def _record(
        self,
        states: Mapping[bytes, bytes],
        record: InputRecord,
        seq: int,
        batch: Batch,
        context: Context,
        outcome: Outcome,
        window: Window,
        erasures: Erasures,
        sealing: Sealing | None,
    ) -> str:
        event = self._wire.decode(record.topic, record.value, None if sealing is None else sealing.open)
        self._wire.check(event, record.key, batch.now)
        key = record.key
        assert key is not None, "check() refuses a null key"
        packed = outcome.changed[key] if key in outcome.changed else states.get(key)
        if packed is None or key.startswith(RESERVED):
            self._check_new(key, record)
            state = LeadState()
        else:
            state = unpack(packed)
        if erasures and type(event) is not ErasureRequest and erasures.covers(key, event):
            return Kind.ERASED
        if sealing is not None and type(event) is ErasureRequest:
            sealing.must_be_complete(event.lead_id)
        waiting = untaken(state) if type(event) is CaseReview else NOBODY
        faults = send_faults(state, event, context) if type(event) is ActivitySignal else FINE
        moment = Moment(record.topic, record.partition, record.offset, seq, batch.now, event.lead_id)
        decision = decide(state, event, moment, context)
        if decision.kind is Kind.DUPLICATE:
            return decision.kind
        trace = handed_on(record.headers, record.topic, record.partition, record.offset)
        if decision.receipt is not None:
            self._forget(key, decision, decision.receipt, batch, outcome, trace, sealing)
            erasures.remember(key, event.occurred_at, batch.now)
        else:
            self._collect(key, decision, batch, outcome, sealing, trace)
        if decision.effects:
            window.count(decision.state, decision.effects, waiting, context, record.timestamp)
        for fault in faults:
            window.add(fault, 1)
        return decision.kind

    def _tick(
        self,
        states: Mapping[bytes, bytes],
        key: bytes,
        seq: int,
        batch: Batch,
        context: Context,
        outcome: Outcome,
        window: Window,
        sealing: Sealing | None,
    ) -> None:
        packed = outcome.changed[key] if key in outcome.changed else states.get(key)
        if packed is None:  # forgotten in this very batch, or in a replay where it stood
            _count(outcome, TICK_TOPIC, Kind.ERASED)
            return
        moment = Moment(TICK_TOPIC, batch.lane, seq, seq, batch.now, key.decode())
        try:
            decision = tick(unpack(packed), moment, context)
            self._collect(key, decision, batch, outcome, sealing)
            if decision.effects:
                window.count(decision.state, decision.effects, NOBODY, context)
            _count(outcome, TICK_TOPIC, decision.kind)
        except (RegistryUnreachable, UnknownKey):
            raise
        except Exception as error:  # the dead-letter path: the timer is kept, the lane goes on
            is_discreet = sealing is not None  # the state has personal texts as they are
            trigger = _Timer(TICK_TOPIC, batch.lane, seq, batch.now, key, None if is_discreet else packed)
            letter = dead_letter(self._wire, trigger, error, batch.lane, batch.now, is_discreet=is_discreet)
            outcome.outputs.setdefault(topics.DEAD_LETTERS.name, []).append(letter)
            outcome.changed[key] = (batch.now + RETRY_TICK_MS).to_bytes(8, "big") + packed[8:]
            _count(outcome, TICK_TOPIC, DEAD)

    def _collect(
        self, key: bytes, decision: Decision, batch: Batch, outcome: Outcome, sealing: Sealing | None,
        trace: Carried = UNTRACED,
    ) -> None:  # fmt: skip
        """Encode everything before anything is added: a failure in the middle adds nothing but a new key."""
        packed = pack(decision.state, decision.due_at)
        records = [sent for effect in decision.effects for sent in self._outputs(key, effect, batch, trace, sealing)]
        self._check_size(len(key), packed, records)
        outcome.changed[key] = packed
        for topic, output in records:
            outcome.outputs.setdefault(topic, []).append(output)

    def _forget(
        self, key: bytes, decision: Decision, receipt: ErasureReceipt, batch: Batch, outcome: Outcome, trace: Carried,
        sealing: Sealing | None,
    ) -> None:  # fmt: skip
        """The lead's state and keys go, in the transaction of the records that say so."""
        records = [sent for effect in decision.effects for sent in self._outputs(key, effect, batch, trace, sealing)]
        if sealing is not None:
            receipt = msgspec.structs.replace(receipt, keys_shredded=sealing.shred(key))
        headers = self._wire.headers(receipt, batch.lane, batch.now)
        records.append(
            (topics.RECEIPTS.name, OutputRecord(receipt.request_id.encode(), self._wire.encode(receipt), headers))
        )
        outcome.changed[key] = None
        for topic, output in records:
            outcome.outputs.setdefault(topic, []).append(output)

    def _outputs(
        self, key: bytes, effect: Effect, batch: Batch, trace: Carried, sealing: Sealing | None
    ) -> list[tuple[str, OutputRecord]]:
        wire = self._wire
        if sealing is not None:
            effect = sealing.sealed(effect)
        value, headers = wire.encode(effect), wire.headers(effect, batch.lane, batch.now)
        if trace:
            headers = (*headers, *trace)
        if type(effect) is not UpdateCase:
            return [(OUTPUT_TOPIC[type(effect)], OutputRecord(key, value, headers))]
        case_key = effect.case_id.encode()
        projected = None if effect.status == "closed" else value
        return [
            (topics.CASE_EVENTS.name, OutputRecord(key, value, headers)),
            (topics.CASES_OPEN.name, OutputRecord(case_key, projected, headers)),
        ]

    def _check_new(self, key: bytes, record: InputRecord) -> None:
        """A lead that is new to this lane must belong here, or two lanes would each keep half of it.

        No lead may take the place of what lane and processor keep in the changelog. Known leads have been through this.
        """
        if key.startswith(RESERVED):
            raise UnreadableRecord(f"lead_id is {shown(key.decode())}, expected one that does not start with NUL")
        wanted = (murmur2(key) & 0x7FFFFFFF) % self._lanes
        if wanted != record.partition:
            raise UnreadableRecord(
                f"key {key.decode()!r} came on partition {record.partition}, expected partition {wanted}: the sender"
                " must use Kafka's default partitioner (librdkafka: partitioner=murmur2_random)"
            )

    def _check_size(self, key_bytes: int, packed: bytes, records: list[tuple[str, OutputRecord]]) -> None:
        largest = len(packed)
        for _, output in records:
            if output.value is not None and len(output.value) > largest:
                largest = len(output.value)
        if largest + key_bytes + HEADER_ROOM > self._max_bytes:
            raise ValueError(f"an output of {largest} bytes, expected at most {self._max_bytes - HEADER_ROOM}")


class _Timer:
    """A due timer in the shape of an input record, for its dead letter."""

    headers: Headers = ()

    def __init__(
        self, topic: str, partition: int, offset: int, timestamp: int, key: bytes, value: bytes | None
    ) -> None:
        self.topic, self.partition, self.offset, self.timestamp = topic, partition, offset, timestamp
        self.key: bytes | None = key
        self.value: bytes | None = value


def _count_events(outcome: Outcome, window: Window) -> None:
    """What became of the batch's records and timers, whatever the topic."""
    for name, count in outcome.counts.items():
        topic, _, kind = name.rpartition("/")
        if kind != WINDOW:
            window.add(_count_name("timers" if topic == TICK_TOPIC else "events", kind, ":"), count)


def _count(outcome: Outcome, topic: str, kind: str) -> None:
    name = _count_name(topic, kind)
    outcome.counts[name] = outcome.counts.get(name, 0) + 1


@lru_cache(maxsize=256)
def _count_name(topic: str, kind: str, mark: str = "/") -> str:
    return f"{topic}{mark}{kind}"


def versions(context: Context) -> dict[str, str]:
    """What is in force, for metrics: the policy, each role that a model has (the champion's always), and a freeze."""
    models = context.models
    roles = {"challenger": models.challenger, "shadow": models.shadow}
    given = {role: model.version for role, model in roles.items() if model is not None}
    policy = {"policy": context.policy.version, "policy_sha256": context.policy.sha256}
    return {**policy, "champion": models.version, **given, **({"learning": "frozen"} if models.frozen else {})}


def job(settings: LaneSettings) -> Job:
    """The decision pipeline as the job of a worker; schema ids as the environment says."""
    wide = load_settings(brokers=settings.brokers, lanes=settings.lanes)
    wire, secrets = wire_for(wide), secrets_of(wide)
    return Job(
        processor=DecisionPipeline(wire, settings.lanes, settings.max_record_bytes),
        build=ContextBuilder(wire).build,
        write_entry=wire.encode,
        read_entry=lambda value: cast(JournalEntry, wire.decode_any(topics.JOURNAL.name, value)),
        controls=tuple(topic.name for topic in topics.CONTROLS),
        outputs=OUTPUTS,
        single=frozenset(name for name in OUTPUTS if topics.TOPIC[name].single),
        limits={topics.DEAD_LETTERS.name: topics.DEAD_LETTERS.max_message_bytes},
        warm_up=warm_up,
        versions=versions,
        sealed=None if secrets is None else Sealed(topics.KEYS.name, secrets, partial(load_into, wire)),
        chained=topics.DECISIONS.name,
    )
