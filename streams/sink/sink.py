"""All targets of one process. Law of this module: targets share nothing but the producer of sink.parked and the CPU."""

from __future__ import annotations

import asyncio
import logging

from streams.kafka.codec import wire_for
from streams.kafka.reader import Reader
from streams.settings import Settings
from streams.sink.config import SinkConfig
from streams.sink.parking import Parking
from streams.sink.target import TargetRun
from streams.topics import PARKED
from streams.tracing import tracer_for

log = logging.getLogger(__name__)


class Sink:
    """What `leadlane sink http` runs. `await run()` works until `stop()`; it raises what ended it."""

    def __init__(self, settings: Settings, config: SinkConfig) -> None:
        self._settings, self._config = settings, config
        self._targets: list[TargetRun] = []
        self._stopping = asyncio.Event()
        self._failure: Exception | None = None

    async def run(self) -> None:
        await asyncio.to_thread(check_topics, self._settings, self._config)
        wire, tracer = wire_for(self._settings), tracer_for(self._settings, "sink")
        parking = Parking(self._settings, wire)
        try:
            for name, target in self._config.targets.items():
                self._targets.append(TargetRun(self._settings, name, target, wire, parking, tracer, self.fail))
            for each in self._targets:
                each.start()
            log.info("the sink delivers to %s", ", ".join(self._config.targets))
            await self._stopping.wait()
        finally:
            await asyncio.gather(*(each.stop() for each in self._targets), return_exceptions=True)
            parking.close()
            if tracer is not None:
                await asyncio.to_thread(tracer.close)
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        self._stopping.set()

    def fail(self, error: Exception) -> None:
        """End the process with this error: Kafka knows where to go on."""
        self._failure = self._failure or error
        self._stopping.set()

    def is_live(self) -> bool:
        return self._failure is None and all(target.is_live() for target in self._targets)

    def not_ready(self) -> str | None:
        if not self._targets:
            return "the topics are not checked"
        waiting = [target.name for target in self._targets if not target.is_joined]
        return f"no partitions yet for {', '.join(waiting)}" if waiting else None


def check_topics(settings: Settings, config: SinkConfig) -> None:
    """BrokerUnreachable or MissingTopic unless all that is read and written is there."""
    with Reader(settings) as reader:
        for topic in sorted({PARKED.name, *(topic for target in config.targets.values() for topic in target.deliver)}):
            reader.partitions(topic)
