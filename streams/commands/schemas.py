"""`leadlane schemas`: what goes over the wire, and whether its schemas keep their rules."""

from __future__ import annotations

import click

from schemas.check import HERE, BadSchemas, check
from streams.lane.registry import COMPATIBILITY, shipped
from streams.lane.wire import TYPES
from streams.settings import load_settings
from streams.topics import TOPICS

registry_url = click.option(
    "--url", "schema_registry_url", help="The registry, instead of LEADLANE_SCHEMA_REGISTRY_URL."
)


@click.group()
def schemas() -> None:
    """Schemas of the records on the topics."""


@schemas.command("check")
@click.option("--registry", is_flag=True, help="Compare with the Schema Registry too; nothing is written.")
@registry_url
def check_command(registry: bool, schema_registry_url: str | None) -> None:
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
    if registry or schema_registry_url:
        _check_registry(schema_registry_url)


def _check_registry(url: str | None) -> None:
    from streams.kafka.registering import compare, told
    from streams.kafka.registry import SchemaRegistry

    there = SchemaRegistry(load_settings(schema_registry_url=url))
    subjects = compare(there)
    faults = [fault for subject in subjects for fault in subject.faults]
    for line in (*told(subjects), *faults):
        click.echo(line)
    if faults:
        raise BadSchemas(f"{there.url}: {len(faults)} faults, expected none. Mend what the lines above name.")
    click.echo(f"{there.url}: {len(subjects)} subjects, every version is there, each {COMPATIBILITY}.")


@schemas.command("register")
@registry_url
def register_command(schema_registry_url: str | None) -> None:
    """Put every version into the Schema Registry and set FULL_TRANSITIVE; nothing at all if one is incompatible."""
    from streams.kafka.registering import register
    from streams.kafka.registry import SchemaRegistry

    there = SchemaRegistry(load_settings(schema_registry_url=schema_registry_url))
    count = register(there, click.echo)
    click.echo(f"{there.url}: {count} versions registered; every subject is {COMPATIBILITY}.")


@schemas.command("list")
def list_command() -> None:
    """Every released version: id, record, topics."""
    for record, versions in shipped().items():
        topics = ", ".join(topic.name for topic in TOPICS if topic.record == record)
        for version in versions:
            click.echo(f"{version.id:>5}  {record} v{version.version}  {topics}")
