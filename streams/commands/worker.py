"""`leadlane worker`: run lanes."""

from __future__ import annotations

import click

from streams.commands.options import brokers_option


@click.command()
@brokers_option
@click.option("--slot", help="Name of this worker in the group, instead of LEADLANE_SLOT; one live worker per slot.")
@click.option("--web-port", type=click.IntRange(0, 65_535), help="Health and metrics; 0: none.")
@click.option("--processor", metavar="MODULE:NAME", help="Another job than the decision pipeline.", hidden=True)
def worker(brokers: str | None, slot: str | None, web_port: int | None, processor: str | None) -> None:
    """Decide the signals of the lanes that the group gives to this process, until a signal ends it."""
    from streams.app import PIPELINE, run_worker
    from streams.settings import load_settings

    run_worker(load_settings(brokers=brokers, slot=slot, web_port=web_port), processor or PIPELINE)
