"""`leadlane privacy`: how many keys seal personal texts, never the keys; and a new secret."""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter
from os import urandom
from typing import NamedTuple

import click

from streams.commands.options import brokers_option
from streams.kafka.codec import wire_for
from streams.kafka.reader import Reader
from streams.lane.unreadable import UnreadableRecord
from streams.privacy.keys import SubjectKey
from streams.privacy.seal import KEY_BYTES, LANE, secrets_of
from streams.settings import Settings, load_settings
from streams.topics import KEYS


@click.group()
def privacy() -> None:
    """Sealed personal texts: keys and secrets (docs/reference/sealing.md)."""


@privacy.command("secret")
def secret_command() -> None:
    """Print a new secret for LEADLANE_SEAL_SECRET. It is kept nowhere: who loses it has erased everybody."""
    click.echo(b64encode(urandom(KEY_BYTES)).decode())


@privacy.command("keys")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@brokers_option
def keys_command(as_json: bool, brokers: str | None) -> None:
    """Count the keys on privacy.keys: by who minted them, and by the secret that wrapped them."""
    settings = load_settings(brokers=brokers)
    found, secrets = count_keys(settings), secrets_of(settings)
    known = set() if secrets is None else set(secrets.by_id)
    if as_json:
        click.echo(json.dumps({**found._asdict(), "known_secrets": sorted(known)}))
        return
    click.echo(
        f"{found.leads:,} leads with {found.keys:,} keys: {found.by_edges:,} by edges, {found.by_lanes:,} by lanes"
    )
    if found.with_several:
        click.echo(f"{found.with_several:,} leads have more than one: two minted at the same time, which does no harm")
    for secret, count in sorted(found.by_secret.items()):
        said = (
            "set here" if secret in known else "not set here (LEADLANE_SEAL_SECRET): what they seal shows as (sealed)"
        )
        click.echo(f"{count:,} wrapped by the secret {secret}, {said}")
    if found.unreadable:
        click.echo(f"{found.unreadable:,} records are no keys and are left out")


class Count(NamedTuple):
    """What stands on privacy.keys."""

    leads: int
    keys: int
    by_edges: int
    by_lanes: int
    with_several: int
    by_secret: dict[str, int]
    unreadable: int


def count_keys(settings: Settings) -> Count:
    """Count what is there now. Raises BrokerUnreachable and MissingTopic."""
    wire, last, unreadable = wire_for(settings), dict[bytes, str](), 0
    with Reader(settings) as reader:
        for message in reader.read(KEYS.name):
            name, value = message.key() or b"", message.value()
            assert isinstance(name, bytes)
            try:
                record = None if value is None else wire.decode_any(KEYS.name, value)
            except UnreadableRecord:
                unreadable += 1
                continue
            if isinstance(record, SubjectKey):
                last[name] = record.secret_id
            else:
                last.pop(name, None)
    leads = Counter(name.rpartition(b"#")[0] for name in last)
    by_lanes = sum(name.rpartition(b"#")[2].startswith(LANE.encode()) for name in last)
    several = sum(count > 1 for count in leads.values())
    return Count(
        len(leads), len(last), len(last) - by_lanes, by_lanes, several, dict(Counter(last.values())), unreadable
    )
