"""Options that several commands share."""

from __future__ import annotations

import click

brokers_option = click.option(
    "--brokers", metavar="HOST:PORT,...", help="Kafka to work with, instead of LEADLANE_BROKERS."
)
