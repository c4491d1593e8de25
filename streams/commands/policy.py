"""`leadlane policy`: check a document, compare two, publish one, see what is active, go back."""

from __future__ import annotations

from pathlib import Path

import click

from streams.commands.options import brokers_option
from streams.commands.signing import signed, stamp_now, utc
from streams.errors import LeadlaneError
from streams.policy.check import check_policy
from streams.policy.compile import load_policy, read_document
from streams.policy.diff import diff_policies
from streams.shipped import default_policy


class NoSuchPolicy(LeadlaneError):
    """The policy that was asked for is not there."""

    exit_code = 7


_file = click.Path(path_type=Path)


@click.group()
def policy() -> None:
    """Policies: every number and rule of the business, as one versioned document."""


@policy.command("check")
@click.argument("file", type=_file, required=False)
@click.option("--strict", is_flag=True, help="Warnings count as faults.")
def check(file: Path | None, strict: bool) -> None:
    """Say everything that is wrong with FILE (the shipped policy unless given); exit code 7 if anything is."""
    source = file or default_policy()
    document, warnings = check_policy(_read(source), str(source))
    for warning in warnings:
        click.echo(f"warning: {warning}")
    rows = f"{len(document.tiers)} tiers, {len(document.conditions)} conditions"
    remarks = f"{len(warnings)} warning{'s' if len(warnings) != 1 else ''}"
    click.echo(f"{source}: version {document.version}, {rows}: can be published, {remarks}")
    if warnings and strict:
        raise SystemExit(NoSuchPolicy.exit_code)


@policy.command("diff")
@click.argument("old", type=_file)
@click.argument("new", type=_file)
def diff(old: Path, new: Path) -> None:
    """What changes from OLD to NEW, in meaning; exit code 1 if anything does."""
    changes = diff_policies(*(read_document(_read(path), str(path))[0] for path in (old, new)))
    for change in changes:
        click.echo(str(change))
    if changes:
        raise SystemExit(1)
    click.echo(f"{old} and {new} mean the same")


@policy.command("publish")
@click.argument("file", type=_file)
@signed
@brokers_option
def publish(file: Path, actor: str, reason: str, brokers: str | None) -> None:
    """Make FILE the active policy of every worker. A published version never changes."""
    from streams.policy.publish import Publisher
    from streams.settings import load_settings

    text = _read(file)
    load_policy(text, str(file))  # before the broker is asked for anything
    published, written = Publisher(load_settings(brokers=brokers)).publish(text, str(file), stamp_now(actor, reason))
    state = "is active now" if written else "was active already, nothing written"
    click.echo(f"version {published.version} (sha256 {published.sha256[:12]}) {state}")


@policy.command("rollback")
@click.argument("version", required=False)
@signed
@brokers_option
def rollback(version: str | None, actor: str, reason: str, brokers: str | None) -> None:
    """Make the policy active again that was so before, or a VERSION that was published."""
    from streams.policy.publish import Publisher
    from streams.settings import load_settings

    publisher, stamp = Publisher(load_settings(brokers=brokers)), stamp_now(actor, reason)
    if version is None:
        version, left = publisher.rollback(stamp)
        click.echo(f"version {version} is active now, as before {left}")
        return
    written = publisher.activate(version, stamp)
    click.echo(f"version {version} {'is active now' if written else 'was active already, nothing written'}")


@policy.command("show")
@click.option("--version", help="The document of this version, instead of the list.")
@brokers_option
def show(version: str | None, brokers: str | None) -> None:
    """The published versions and which one is active; with --version the document itself."""
    from streams.policy.publish import NoSuchVersion, read_published
    from streams.settings import load_settings

    published = read_published(load_settings(brokers=brokers))
    if version is not None:
        if version not in published.versions:
            known = ", ".join(sorted(published.versions)) or "none"
            raise NoSuchVersion(f"control.policies: expected a published version ({known}), got {version!r}.")
        click.echo(published.versions[version].document, nl=False)
        return
    for record in sorted(published.versions.values(), key=lambda record: record.at):
        mark = "*" if published.active == record else " "
        click.echo(f"{mark} {record.version:<20} {record.sha256[:12]} {utc(record.at)} {record.actor}: {record.reason}")
    if published.pointer is None:
        click.echo("no active policy: `leadlane policy publish FILE --actor WHO --reason WHY`")
    else:
        pointer = published.pointer
        click.echo(f"active: {pointer.version}, since {utc(pointer.at)} by {pointer.actor}: {pointer.reason}")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NoSuchPolicy(f"{path}: expected a policy document (YAML, UTF-8), got {error}.") from error
