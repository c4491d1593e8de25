"""`leadlane gateway`: webhooks in."""

from __future__ import annotations

import time
from pathlib import Path
from typing import cast

import click

from streams.commands.options import brokers_option

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group()
def gateway() -> None:
    """Take webhooks of platforms, and say what they would become (docs/reference/gateway.md)."""


@gateway.command()
@click.argument("config", type=FILE, required=False)
@brokers_option
@click.option("--host", help="Where webhooks are taken, instead of LEADLANE_GATEWAY_HOST.")
@click.option("--port", type=click.IntRange(0, 65_535), help="The same, LEADLANE_GATEWAY_PORT; 0: a free one.")
@click.option("--web-port", type=click.IntRange(0, 65_535), help="Health and metrics; 0: none.")
def run(config: Path | None, brokers: str | None, host: str | None, port: int | None, web_port: int | None) -> None:
    """Take webhooks until a signal ends it, as CONFIG says (LEADLANE_GATEWAY_CONFIG)."""
    from streams.gateway.app import config_of, run_gateway
    from streams.settings import load_settings

    settings = load_settings(brokers=brokers, gateway_host=host, gateway_port=port, gateway_web_port=web_port)
    run_gateway(settings, config_of(settings, config))


@gateway.command()
@click.argument("config", type=FILE)
@click.option("--sample", type=FILE, help="The body of a request: shows what it would become.")
@click.option("--source", help="Of which source the sample is; not needed when there is one.")
@click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="A header of the sample.")
@click.option("--query", default="", help="The query of the sample's URL, after the question mark.")
def check(config: Path, sample: Path | None, source: str | None, headers: tuple[str, ...], query: str) -> None:
    """Check a file of sources and rules; needs neither Kafka nor secrets."""
    from streams.gateway.config import load_config
    from streams.gateway.sampling import shown_sample, shown_sources
    from streams.secret_refs import without_secrets

    with without_secrets():
        loaded = load_config(config)
        if sample is None:
            click.echo(shown_sources(loaded))
        else:
            click.echo(shown_sample(loaded, sample, source, headers, query))


@gateway.command()
@click.argument("config", type=FILE, required=False)
@click.option("--source", help="Only letters of this source.")
@click.option("--dry-run", is_flag=True, help="Only say what would be sent.")
@click.option("--actor", required=True, help="Who does this; kept with the letter.")
@click.option("--reason", required=True, help="Why it will work now; kept with the letter.")
@brokers_option
def redrive(
    config: Path | None, source: str | None, dry_run: bool, actor: str, reason: str, brokers: str | None
) -> None:
    """Map dead letters of the gateway again, each once: after rules or sender were mended."""
    from streams.gateway.app import config_of
    from streams.gateway.redrive import redrive as run_again
    from streams.kafka.letters import Mark
    from streams.settings import load_settings

    settings = load_settings(brokers=brokers)
    done = run_again(
        settings, config_of(settings, config), source, Mark(actor, reason, int(time.time() * 1000)), dry_run
    )
    for each in done:
        what = f"stays: {each.fault}" if each.fault else f"{len(each.events)} records, {each.known} known before"
        click.echo(f"{each.place} {each.source}: {what}")
    sent = sum(each.fault is None for each in done)
    click.echo(f"{sent} {'to send' if dry_run else 'sent'}, {len(done) - sent} stay")


@gateway.command()
@click.argument("leads", nargs=-1, required=True)
@click.option(
    "--for", "purpose", type=click.Choice(["unsubscribe", "reply"]), required=True, help="What it will prove."
)
@click.option("--secret-env", metavar="NAME", help="The variable with the secret.")
@click.option("--secret-file", type=click.Path(path_type=Path), help="Or the file.")
def token(leads: tuple[str, ...], purpose: str, secret_env: str | None, secret_file: Path | None) -> None:
    """Print the tokens of LEADS ("-": one a line from standard input), which senders write into links and addresses."""
    from pydantic import ValidationError

    from streams.gateway.tokens import Purpose, token_of
    from streams.secret_refs import SecretRef

    if (secret_env is None) == (secret_file is None):
        raise click.UsageError("expected either --secret-env or --secret-file")
    try:
        secret = SecretRef(env=secret_env, file=secret_file).read()
    except ValidationError as error:
        raise click.UsageError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
    wanted = (line.rstrip("\n") for line in click.get_text_stream("stdin")) if leads == ("-",) else leads
    for lead in wanted:
        click.echo(token_of(lead, secret, cast(Purpose, purpose)))
