"""`leadlane lab`: learn from outcomes."""

from __future__ import annotations

import click

from streams.commands.options import brokers_option


@click.command()
@brokers_option
@click.option("--line", help="Name of what is learned, instead of LEADLANE_LAB_LINE; one live lab per line.")
@click.option(
    "--model-interval",
    "lab_model_interval_seconds",
    type=click.FloatRange(0.2, 86_400),
    help="Least seconds between two model versions, instead of LEADLANE_LAB_MODEL_INTERVAL_SECONDS.",
)
@click.option("--web-port", type=click.IntRange(0, 65_535), help="Health, metrics and /snapshot; 0: none.")
def lab(brokers: str | None, line: str | None, lab_model_interval_seconds: float | None, web_port: int | None) -> None:
    """Learn from outcomes as they come, publish models, watch over what the models do, until a signal ends it."""
    from streams.app import run_lab
    from streams.settings import load_settings

    run_lab(
        load_settings(
            brokers=brokers,
            lab_line=line,
            lab_model_interval_seconds=lab_model_interval_seconds,
            lab_web_port=web_port,
        )
    )
