"""The ceiling: a plain aiokafka consume-transform-produce loop that copies bytes in transactions, nothing else.

One process, one loop per partition number, `send_batch`, no decoding, no state: what the client library alone can do.

    python -m streams.bench.passthrough '{"brokers": ..., "inputs": [...], "output": ..., "lanes": 12}'
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from itertools import chain
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

BATCH_RECORDS = 1000
BATCH_BYTES = 900_000


class Copier:
    """Copies partition `number` of every input to the output, transaction by transaction."""

    def __init__(self, brokers: str, inputs: list[str], output: str, number: int) -> None:
        self.number, self.output, self.copied = number, output, 0
        self._partitions = [TopicPartition(topic, number) for topic in inputs]
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=brokers, isolation_level="read_committed", enable_auto_commit=False
        )
        self._producer = AIOKafkaProducer(
            bootstrap_servers=brokers,
            transactional_id=f"{output}-copy-{number}",
            retry_backoff_ms=5,
            max_batch_size=BATCH_BYTES,
        )

    async def start(self) -> int:
        """Connect; how many records lie ahead."""
        await self._producer.start()
        await self._consumer.start()
        self._consumer.assign(self._partitions)
        await self._consumer.seek_to_beginning()
        return sum((await self._consumer.end_offsets(self._partitions)).values())

    async def run(self) -> None:
        while True:
            fetched = await self._consumer.getmany(timeout_ms=500, max_records=BATCH_RECORDS)
            records = list(chain.from_iterable(fetched.values()))
            if not records:
                continue
            await self._producer.begin_transaction()
            deliveries, batch = [], self._producer.create_batch()
            for record in records:
                if batch.append(key=record.key, value=record.value, timestamp=None) is None:
                    deliveries.append(await self._producer.send_batch(batch, self.output, partition=self.number))
                    batch = self._producer.create_batch()
                    batch.append(key=record.key, value=record.value, timestamp=None)
            deliveries.append(await self._producer.send_batch(batch, self.output, partition=self.number))
            await asyncio.gather(*deliveries)
            ends = {partition: found[-1].offset + 1 for partition, found in fetched.items() if found}
            await self._producer.send_offsets_to_transaction(ends, f"{self.output}-copy")
            await self._producer.commit_transaction()
            self.copied += len(records)

    async def stop(self) -> None:
        await self._consumer.stop()
        await self._producer.stop()


async def copy(brokers: str, inputs: list[str], output: str, lanes: int) -> dict[str, Any]:
    """Copy everything that lies in the inputs; {events, seconds, eps}."""
    copiers = [Copier(brokers, inputs, output, number) for number in range(lanes)]
    total = sum(await asyncio.gather(*(copier.start() for copier in copiers)))
    began = time.monotonic()
    tasks = [asyncio.create_task(copier.run()) for copier in copiers]
    while sum(copier.copied for copier in copiers) < total:
        for task in tasks:
            if task.done():
                task.result()
        await asyncio.sleep(0.02)
    seconds = time.monotonic() - began
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.gather(*(copier.stop() for copier in copiers))
    return {"events": total, "seconds": round(seconds, 2), "eps": round(total / seconds)}


def main() -> None:
    print(json.dumps(uvloop.run(copy(**json.loads(sys.argv[1])))))


if __name__ == "__main__":
    main()
