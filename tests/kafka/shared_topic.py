"""A tally that also tells every event to a topic with one partition, which all lanes write."""

from __future__ import annotations

from collections.abc import Mapping

from streams.bench.tally import Tally
from streams.bench.tally import job as tally_job_of
from streams.lane.job import Job, LaneSettings
from streams.lane.processor import Batch, Outcome, OutputRecord
from streams.lane.wire import source_of


class Teller(Tally):
    """Says on `told` what it read, with the lane that says so."""

    def __init__(self, inputs: tuple[str, ...], output: str, told: str) -> None:
        super().__init__(inputs, output)
        self.told = told

    def process(self, states: Mapping[bytes, bytes], batch: Batch, context: bytes) -> Outcome:
        outcome = super().process(states, batch, context)
        source = (source_of(batch.lane),)
        told = [OutputRecord(record.key, record.value, source) for record in batch.records]
        return outcome._replace(outputs=outcome.outputs | {self.told: told})


def job(settings: LaneSettings) -> Job:
    tally = tally_job_of(settings)
    told = f"{settings.app_id}.told"
    return tally._replace(
        processor=Teller(tally.processor.inputs, tally.outputs[0], told),
        outputs=(*tally.outputs, told),
        single=frozenset((told,)),
    )
