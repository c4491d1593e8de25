"""How long from produce to visible: events at an even rate, a read_committed consumer at the other end."""

from __future__ import annotations

import threading
import time
import zlib

from confluent_kafka import Consumer, Producer, TopicPartition

CONSUME = 500
SETTLE_SECONDS = 3.0
COLD_SECONDS = 5.0  # a fresh broker's first seconds go to its compiler
MS = 1000.0


def produce_evenly(brokers: str, topics: tuple[str, ...], lanes: int, rate: float, seconds: float) -> int:
    """Send timestamped events at `rate` per second; how many were sent."""
    producer = Producer({"bootstrap.servers": brokers, "linger.ms": 0, "acks": 1})
    began, total = time.time(), int(rate * seconds)
    for number in range(total):
        wait = began + number / rate - time.time()
        if wait > 0:
            producer.poll(0)
            time.sleep(max(0.0, began + number / rate - time.time()))
        key = b"lead-%d" % (number * 7919 % 5000)
        value = b'{"sent":%.6f,"event_id":"%d","kind":"email_opened","score":%d}' % (time.time(), number, number % 100)
        producer.produce(topics[number % len(topics)], value, key, partition=zlib.crc32(key) % lanes)
    producer.flush(30)
    return total


def collect(brokers: str, topic: str, lanes: int, stop: threading.Event) -> list[float]:
    """Seconds from `sent` to visible of everything that comes until `stop`."""
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "latency",
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 100,
            "enable.auto.commit": False,
        }
    )
    ends = [consumer.get_watermark_offsets(TopicPartition(topic, lane))[1] for lane in range(lanes)]
    consumer.assign([TopicPartition(topic, lane, end) for lane, end in enumerate(ends)])
    latencies = []
    while not stop.is_set():
        for message in consumer.consume(CONSUME, 0.005):
            value = message.value() or b""
            if not message.error() and b'"sent":' in value:
                latencies.append(time.time() - float(value.split(b'"sent":')[1].split(b",")[0]))
    consumer.close()
    return latencies


def measure(
    brokers: str, topics: tuple[str, ...], output: str, lanes: int, rate: float = 1000, seconds: float = 20
) -> dict[str, float]:
    """{p50, p99, max} in milliseconds over the events after COLD_SECONDS, and how many arrived of how many."""
    stop, found = threading.Event(), list[float]()
    reader = threading.Thread(target=lambda: found.extend(collect(brokers, output, lanes, stop)))
    reader.start()
    time.sleep(1.0)
    sent = produce_evenly(brokers, topics, lanes, rate, seconds)
    time.sleep(SETTLE_SECONDS)
    stop.set()
    reader.join()
    steady = sorted(found[int(COLD_SECONDS * rate) :])
    return {
        "p50": round(MS * steady[len(steady) // 2], 1),
        "p99": round(MS * steady[int(len(steady) * 0.99)], 1),
        "max": round(MS * steady[-1], 1),
        "sent": sent,
        "seen": len(found),
    }
