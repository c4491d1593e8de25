"""`leadlane broker`: an embedded Kafka in the foreground."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click


@click.command()
@click.option("--port", type=click.IntRange(0, 65_535), default=9092, show_default=True, help="0 takes a free one.")
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), help="Keep the data here; else it goes.")
@click.option("--heap", default="512m", show_default=True, help="Java's -Xmx.")
@click.option("--topics/--no-topics", default=False, help="Create Leadlane's topics too.")
def broker(port: int, data_dir: Path | None, heap: str, topics: bool) -> None:
    """Run an embedded Apache Kafka until Ctrl-C; for try-outs, not for production."""
    from streams.kafka.embedded import EmbeddedBroker

    stopped = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: stopped.set())
    with EmbeddedBroker(port=port, data_dir=data_dir, heap=heap) as running:
        if topics:
            _create_topics(running.bootstrap)
        click.echo(f"LEADLANE_BROKERS={running.bootstrap}")
        click.echo(f"Kafka is up; log: {running.log_file}. Ctrl-C stops it.", err=True)
        while not stopped.wait(0.5):
            running.must_run()


def _create_topics(bootstrap: str) -> None:
    from streams.kafka import admin
    from streams.settings import load_settings

    created, _ = admin.apply(load_settings(brokers=bootstrap))
    click.echo(f"{len(created)} topics created", err=True)
