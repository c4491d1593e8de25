"""`leadlane worker`: the lanes that the group gives to this process."""

from __future__ import annotations

import click

from streams.commands.options import brokers_option


@click.command()
@brokers_option
@click.option("--slot", help="Name of this worker in the group, instead of LEADLANE_SLOT.")
@click.option("--web-port", type=int, help="Port of /live, /ready and /metrics, instead of LEADLANE_WEB_PORT.")
def worker(brokers: str | None, slot: str | None, web_port: int | None) -> None:
    """Decide what comes in, until SIGTERM or Ctrl-C. Needs the topics and an active policy."""
    from streams.app import run_worker
    from streams.settings import load_settings

    run_worker(load_settings(brokers=brokers, slot=slot, web_port=web_port))
