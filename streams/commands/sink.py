"""`leadlane sink`: outputs to webhooks, and what could not be delivered."""

from __future__ import annotations

import click


@click.group()
def sink() -> None:
    """Deliver what the lanes decide to webhooks of platforms that do not read Kafka."""
