"""`leadlane topics`: create what is missing, check what is there, list what is declared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from streams.commands.options import brokers_option
from streams.errors import TopicsDiffer
from streams.settings import load_settings
from streams.topics import TOPICS


def _cluster_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--replication", type=int, help="Copies of each topic, instead of LEADLANE_REPLICATION."),
        click.option("--lanes", type=int, help="Partitions of lead-keyed topics, instead of LEADLANE_LANES."),
        brokers_option,
    ):
        command = option(command)
    return command


@click.group()
def topics() -> None:
    """Create and check the topics of streams/topics.py. Nothing is ever deleted or made smaller."""


@topics.command("apply")
@_cluster_options
@click.option("--dry-run", is_flag=True, help="Only say what would be created.")
def apply_topics(brokers: str | None, lanes: int | None, replication: int | None, dry_run: bool) -> None:
    """Create the topics that are missing."""
    from streams.kafka import admin

    settings = load_settings(brokers=brokers, lanes=lanes, replication=replication)
    if dry_run:
        cluster = admin.TopicAdmin(settings)
        there = cluster.found(each.name for each in cluster.plan())
        created = tuple(each for each in cluster.plan() if each.name not in there)
        differing = admin.differences((each for each in cluster.plan() if each.name in there), there)
    else:
        created, differing = admin.apply(settings)
    for each in created:
        click.echo(f"{'would create' if dry_run else 'created'} {each.name} ({_size(each)})")
    click.echo(f"{settings.brokers}: {len(created)} created, {len(TOPICS) - len(created)} there before")
    _complain(differing)


@topics.command("check")
@_cluster_options
def check_topics(brokers: str | None, lanes: int | None, replication: int | None) -> None:
    """Compare the cluster with the declaration; exit code 4 if they differ."""
    from streams.kafka import admin

    settings = load_settings(brokers=brokers, lanes=lanes, replication=replication)
    _complain(admin.check(settings))
    click.echo(f"{settings.brokers}: {len(TOPICS)} topics as declared")


@topics.command("list")
@_cluster_options
def list_topics(brokers: str | None, lanes: int | None, replication: int | None) -> None:
    """Every declared topic, with what the cluster has of it."""
    from streams.kafka import admin

    cluster = admin.TopicAdmin(load_settings(brokers=brokers, lanes=lanes, replication=replication))
    there = cluster.found(topic.name for topic in TOPICS)
    for topic in TOPICS:
        size = _size(there[topic.name]) if topic.name in there else "missing"
        click.echo(f"{topic.name:<20} {topic.role.value:<8} {size:<26} {topic.note}")


@topics.command("acls")
@brokers_option
@click.option(
    "--principal",
    "given",
    multiple=True,
    metavar="PROCESS=User:NAME",
    help="Whose rights; again for more. Without: every process, as User:<app id>-<process>.",
)
@click.option("--kafka-acls", "as_commands", is_flag=True, help="Print the commands of Kafka's own tool.")
@click.option("--apply", "applies", is_flag=True, help="Grant them. Nothing is taken away.")
def list_acls(brokers: str | None, given: tuple[str, ...], as_commands: bool, applies: bool) -> None:
    """Every right that each process needs on Kafka, and no other."""
    from streams.kafka import acls
    from streams.kafka.granting import grant

    settings = load_settings(brokers=brokers)
    try:
        principals = acls.principals(given, settings.app_id)
    except ValueError as error:
        known = ", ".join(acls.PROCESS)
        raise click.BadParameter(f"{error}: expected PROCESS=User:NAME, with PROCESS one of {known}") from error
    if applies:
        count = grant(settings, principals)
        click.echo(f"{settings.brokers}: {count} rights granted to {', '.join(principals.values())}")
        return
    for name, principal in principals.items():
        wanted = list(acls.rights(acls.PROCESS[name], settings.app_id))
        if as_commands:
            click.echo(f"# {name}: {acls.PROCESS[name].what}")
            click.echo("\n".join(acls.kafka_acls(settings, principal, wanted)))
            continue
        for right in wanted:
            resource = f"{right.name}{'*' if right.prefixed else ''}"
            click.echo(f"{name:<11} {principal:<30} {right.operation:<17} {right.kind:<17} {resource}")


def _size(topic: Any) -> str:
    """`topic` is a Wanted or a Found."""
    parts, copies = topic.partitions, topic.replication
    return f"{parts} partition{'s' * (parts > 1)}, {copies} cop{'ies' if copies > 1 else 'y'}"


def _complain(differing: tuple[Any, ...]) -> None:
    if differing:
        from streams.kafka.admin import told

        raise TopicsDiffer("".join(f"\n  {line}" for line in told(differing)))
