"""`leadlane schemas`: what goes over the wire, and whether its schemas keep their rules."""

from __future__ import annotations

import click

from schemas.check import HERE, BadSchemas, check
from streams.lane.registry import shipped
from streams.lane.wire import TYPES
from streams.topics import TOPICS


@click.group()
def schemas() -> None:
    """Schemas of the records on the topics."""


@schemas.command("check")
def check_command() -> None:
    """Parse, examples, frozen versions, compatibility of all versions; exits with 1 when a rule is broken."""
    faults = check(HERE, TYPES)
    for fault in faults:
        click.echo(fault)
    if faults:
        raise BadSchemas(f"{len(faults)} faults in {HERE}, expected none. Mend what the lines above name.")
    released = shipped()
    examples = sum(1 for _ in HERE.glob("*/examples/*.json"))
    versions = sum(map(len, released.values()))
    click.echo(f"{len(released)} records, {versions} released versions, {examples} examples: all rules hold.")


@schemas.command("list")
def list_command() -> None:
    """Every released version: id, record, topics."""
    for record, versions in shipped().items():
        topics = ", ".join(topic.name for topic in TOPICS if topic.record == record)
        for version in versions:
            click.echo(f"{version.id:>5}  {record} v{version.version}  {topics}")
