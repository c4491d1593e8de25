"""`leadlane bench`: throughput, memory and latency on this machine."""

from __future__ import annotations

import json

import click

from streams.commands.options import brokers_option


@click.command()
@brokers_option
@click.option("--events", default=1_000_000, show_default=True, help="Through the runtime alone; 0 leaves it out.")
@click.option("--leads", default=50_000, show_default=True, help="That they belong to.")
@click.option("--full-events", default=300_000, show_default=True, help="Through the decision pipeline; 0: none.")
@click.option("--resident-leads", default=1_000_000, show_default=True, help="Held and restored; 0: none.")
@click.option("--latency-seconds", default=25.0, show_default=True, help="0 leaves it out.")
@click.option("--latency-rate", default=1000.0, show_default=True, help="Events per second.")
@click.option(
    "--loop-seconds", default=0.0, show_default=True, help="Labels beside traffic, until decided by; 0: none."
)
@click.option("--loop-interval", default=1.0, show_default=True, help="Seconds between two model versions.")
@click.option("--loop-rate", default=300.0, show_default=True, help="Events per second beside them.")
@click.option("--gateway", is_flag=True, help="Signed webhook requests per second of a gateway on one core, alone.")
@click.option("--gateway-seconds", default=10.0, show_default=True, help="Of each of its two measurements.")
@click.option("--gateway-connections", default=64, show_default=True, help="That send to it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def bench(
    brokers: str | None,
    as_json: bool,
    gateway: bool,
    gateway_seconds: float,
    gateway_connections: int,
    **sizes: float,
) -> None:
    """Measure on an embedded Kafka (or the given one): full_eps, tally_eps, passthrough_eps, rss_mb, latency_ms.

    With --gateway: requests_per_second of a gateway, on an embedded Kafka; needs wrk.
    """

    def say(line: str) -> None:
        click.echo(line, err=True)

    if gateway:
        from streams.bench.gateway import run_gateway_bench

        figures = run_gateway_bench(gateway_seconds, gateway_connections, say)
    else:
        from streams.bench.bench import Sizes, run_bench

        figures = run_bench(Sizes(**sizes), brokers, say)  # type: ignore[arg-type]
    click.echo(json.dumps(figures, indent=None if as_json else 1))
