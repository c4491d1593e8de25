"""`leadlane approval`: grant, revoke and list approvals of one content for one segment."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, get_args

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.calendars import calendars_for
from streams.commands.approval_terms import (
    IN_FORCE,
    BadApproval,
    Terms,
    check_conditions,
    check_people,
    covers,
    described,
    expiry,
    granted,
    rank,
    revoked,
    same_subject,
    state_of,
)  # fmt: skip
from streams.commands.options import brokers_option
from streams.commands.signing import (
    did_you_mean,
    identifier,
    json_option,
    now_ms,
    signature,
    signed,
    stamp_now,
    utc,
    warn,
)
from streams.core.context import Approval, Context
from streams.core.events import Channel
from streams.core.policy import CompiledPolicy
from streams.errors import LeadlaneError
from streams.kafka.control import ControlWriter, read_control
from streams.policy.publish import active_policy, read_published
from streams.settings import Settings, load_settings
from streams.topics import APPROVALS


class NoSuchApproval(LeadlaneError):
    """No approval has this id."""

    exit_code = 7


@click.group()
def approval() -> None:
    """Approvals of outreach: one content, one segment, an audience, and the conditions that a person has judged."""


@approval.command("grant")
@click.option("--content", required=True, callback=identifier, help="Hash of the content, as requests carry it.")
@click.option("--segment", callback=identifier, help="Hash of the segment's definition, as requests carry it.")
@click.option("--no-segment", is_flag=True, help="For requests that carry no segment.")
@click.option("--condition", "conditions", multiple=True, help="Condition that it covers, for example N13; repeat it.")
@click.option("--audience", required=True, type=click.IntRange(min=1), help="Persons who get it, as approved.")
@click.option("--channel", type=click.Choice(get_args(Channel)), help="Only this channel; every channel unless given.")
@click.option("--expires", help="Last day (UTC): 2026-12-31, or 90d from today. Else when the policy lets it lapse.")
@click.option("--second-actor", callback=identifier, help="Who approved it too: another person.")
@click.option("--policy-version", help="Only under this published policy; `active` is the one in force now.")
@click.option(
    "--id", "approval_id", callback=identifier, help="Its id; made from hashes, channel and time unless given."
)
@signed
@brokers_option
def grant(
    content: str, segment: str | None, no_segment: bool, conditions: tuple[str, ...], audience: int,
    channel: str | None, expires: str | None, second_actor: str | None, policy_version: str | None,
    approval_id: str | None, actor: str, reason: str, brokers: str | None,
) -> None:  # fmt: skip
    """Approve a content for a segment. It replaces what was said of the same content, segment and channel before."""
    stamp = stamp_now(actor, reason)
    check_people(actor, second_actor)
    if (segment is None) != no_segment:
        raise BadApproval("expected either --segment HASH, or --no-segment for requests that carry none.")
    conditions = tuple(dict.fromkeys(conditions))
    if not conditions:
        raise BadApproval(
            "expected at least one --condition, got none: such an approval would let nothing through that a person"
            " must judge. Name what you have judged, for example --condition N13 (new content)."
        )
    expires_at = expiry(expires, stamp.at)
    settings = load_settings(brokers=brokers)
    check_conditions(conditions, active_policy(settings))
    version = _version(settings, policy_version)
    terms = Terms(content, segment, conditions, audience, channel, version, expires_at, second_actor)
    writer = ControlWriter(settings, APPROVALS)  # before reading: it ends whoever else is at it
    standing = read_control(settings, APPROVALS, Approval)
    warn(standing.problems)
    new, there = granted(terms, stamp, approval_id, standing.records)
    if there is not None:
        click.echo(f"{there.approval_id} says so already, {signature(there)}; nothing written")
        return
    writer.write({new.approval_id: new})
    click.echo(f"{new.approval_id} approved: {described(new)}")
    click.echo("Workers take it over within a second or so. Any edit of content or segment, and growth, voids it.")


@approval.command("revoke")
@click.argument("approval_id", metavar="ID", callback=identifier)
@signed
@brokers_option
def revoke(approval_id: str, actor: str, reason: str, brokers: str | None) -> None:
    """Take the approval ID back. Verdicts that stood on it stand until the `until` they name."""
    settings = load_settings(brokers=brokers)
    writer = ControlWriter(settings, APPROVALS)
    standing = read_control(settings, APPROVALS, Approval)
    warn(standing.problems)
    there = standing.records.get(approval_id)
    if there is None:
        hint = did_you_mean(approval_id, standing.records)
        raise NoSuchApproval(
            f"control.approvals: expected the id of an approval, got {approval_id!r}.{hint} `leadlane approval list`"
            " shows them."
        )
    if there.status != "approved":
        click.echo(f"{approval_id} is {there.status} already, {signature(there)}; nothing written")
        return
    others = list(same_subject(there, standing.records.values()))
    newer = next((other for other in others if covers(other, there) and rank(other) > rank(there)), None)
    if newer is not None:
        click.echo(
            f"{approval_id} has no effect any more: {newer.approval_id} ({newer.status}) came after it, "
            f"{signature(newer)}; nothing written. Revoke that one if it is meant."
        )
        return
    writer.write({approval_id: revoked(there, stamp_now(actor, reason), others)})
    click.echo(f"{approval_id} revoked. Workers take it over within a second or so.")
    for other in others:
        if other.status == "approved" and covers(there, other):
            click.echo(f"{other.approval_id} counts no more either: the latest word on a content is the revocation.")


@approval.command("list")
@click.option("--content", callback=identifier, help="Only of this content.")
@json_option
@brokers_option
def list_approvals(content: str | None, as_json: bool, brokers: str | None) -> None:
    """Every approval: what, for whom, by whom, and whether it is in force; newest last."""
    settings = load_settings(brokers=brokers)
    standing = read_control(settings, APPROVALS, Approval)
    warn(standing.problems)
    context, now = _context(active_policy(settings)), now_ms()
    every = sorted(standing.records.values(), key=rank)
    rows = [(each, state_of(each, every, context, now)) for each in every if content in (None, each.content_hash)]
    if as_json:
        for each, state in rows:
            click.echo(json.dumps(plain(each, state)))
    elif rows:
        Console().print(table(rows))
    else:
        click.echo(f"No approvals{'' if content is None else f' of {content}'}: `leadlane approval grant --help`.")


def plain(approval: Approval, state: str) -> dict[str, Any]:
    """An approval as JSON: times as text, and its state."""
    ends = None if approval.expires_at is None else utc(approval.expires_at)
    return {**msgspec.to_builtins(approval), "at": utc(approval.at), "expires_at": ends, "state": state}


def table(rows: Iterable[tuple[Approval, str]]) -> Table:
    """Approvals for people."""
    shown = Table(box=None, pad_edge=False)
    for column in ("id", "state", "what", "by", "at", "why"):
        shown.add_column(column, overflow="fold", no_wrap=column in ("id", "at"))
    for each, state in rows:
        by = f"{each.actor}, {each.second_actor}" if each.second_actor else each.actor
        cells = (each.approval_id, state, described(each), by, utc(each.at), each.reason)
        shown.add_row(*map(Text, cells), style="" if state.startswith(IN_FORCE) else "dim")
    return shown


def _version(settings: Settings, asked: str | None) -> str | None:
    """The policy version to bind to. BadApproval unless it is published."""
    if asked is None:
        return None
    published = read_published(settings)
    if asked == "active" and published.active is not None:
        return published.active.version
    if asked not in published.versions:
        known = ", ".join(sorted(published.versions)) or "none"
        raise BadApproval(f"--policy-version: expected a published version ({known}) or `active`, got {asked!r}.")
    return asked


def _context(policy: CompiledPolicy | None) -> Context | None:
    return None if policy is None else Context(policy=policy, calendars=calendars_for(policy.calendar))
