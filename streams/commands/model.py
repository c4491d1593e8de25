"""`leadlane model`: versions and roles of models; who decides, and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import get_args

import click

from streams.commands.model_view import listed, plain_roles, plain_version, print_list, print_version
from streams.commands.options import brokers_option
from streams.commands.signing import did_you_mean, identifier, json_option, now_ms, signed, stamp_now, utc, warn
from streams.core.context import Alarm, ModelVersion
from streams.core.policy import LearningRow
from streams.errors import LeadlaneError, NotReady
from streams.kafka.alarms import taken_note_of
from streams.kafka.changes import ACTIVE, Edit, roles_in_words
from streams.kafka.table import ControlTable
from streams.lab import moves
from streams.lab.leaks import PREFIX, allowance, is_allowance, name_of
from streams.lab.registry import Move, Refused, Registry, Role, registry_from
from streams.policy.publish import active_policy
from streams.settings import Settings, load_settings
from streams.topics import ALARMS, MODELS

TAKEN_OVER = "Workers take it over within a second or so."
ROLE = click.Choice(get_args(Role))
Decide = Callable[[Registry], Move]


class MoveRefused(LeadlaneError):
    """A role is not given or taken: a gate is not passed, or there is no such model."""

    exit_code = 7


@click.group()
def model() -> None:
    """Models: the champion decides, a challenger for a share of the leads, a shadow only looks on."""


@model.command("list")
@json_option
@brokers_option
def list_models(as_json: bool, brokers: str | None) -> None:
    """Every version that is kept: role, examples, key figures; newest last."""
    registry = _standing(load_settings(brokers=brokers))
    if as_json:
        click.echo(json.dumps(plain_roles(registry.roles)))
        for version in listed(registry):
            click.echo(json.dumps(plain_version(registry, version)))
        return
    print_list(registry)


@model.command("show")
@click.argument("name", metavar="VERSION|LINE", callback=identifier)
@click.option("--weights", type=click.IntRange(min=0), default=20, show_default=True, help="How many weights.")
@json_option
@brokers_option
def show(name: str, weights: int, as_json: bool, brokers: str | None) -> None:
    """One version: weights by importance, calibration, figures, gates, and what was done with it."""
    settings = load_settings(brokers=brokers)
    registry = _standing(settings)
    found = registry.named(name)
    if found is None:
        known = {*registry.versions, *(each.line for each in registry.versions.values())}
        raise MoveRefused(
            f"control.models: expected a version or a line, got {name!r}.{did_you_mean(name, known)}"
            " `leadlane model list` shows them."
        )
    policy = active_policy(settings)
    if as_json:
        click.echo(json.dumps(plain_version(registry, found) | {"document": json.loads(found.document or "null")}))
        return
    print_version(settings, registry, found, None if policy is None else policy.learning, weights, now_ms())


@model.command("shadow")
@click.argument("name", metavar="VERSION|LINE", callback=identifier)
@signed
@brokers_option
def shadow(name: str, actor: str, reason: str, brokers: str | None) -> None:
    """Let a line score every lead without deciding; it follows its own new versions."""
    _move(load_settings(brokers=brokers), lambda registry: moves.shadow(registry, name, stamp_now(actor, reason)))


@model.command("challenge")
@click.argument("name", metavar="LINE", callback=identifier)
@signed
@brokers_option
def challenge(name: str, actor: str, reason: str, brokers: str | None) -> None:
    """Give the shadow the policy's `challenger_share` of the leads, if it has passed the gates."""
    settings = load_settings(brokers=brokers)
    row = _learning(settings)
    _move(settings, lambda registry: moves.challenge(registry, name, stamp_now(actor, reason), row))


@model.command("promote")
@click.argument("name", metavar="VERSION|LINE", callback=identifier)
@click.option("--second-actor", callback=identifier, help="Who approved it too: another person.")
@click.option("--pin", "pinned", is_flag=True, help="Stay on this snapshot; it follows its line unless given.")
@signed
@brokers_option
def promote(name: str, second_actor: str | None, pinned: bool, actor: str, reason: str, brokers: str | None) -> None:
    """Make the challenger the champion, if it has passed the gates and two persons say so."""
    settings = load_settings(brokers=brokers)
    row = _learning(settings)
    stamp = partial(stamp_now, actor, reason)
    _move(settings, lambda registry: moves.promote(registry, name, stamp(), second_actor, row, pinned=pinned))


@model.command("rollback")
@click.option(
    "--to", "version", callback=identifier, help="This version, or `rules`; the former champion unless given."
)
@signed
@brokers_option
def rollback(version: str | None, actor: str, reason: str, brokers: str | None) -> None:
    """Back to the former champion at once, pinned, and learning frozen until somebody acknowledges."""
    stamp = partial(stamp_now, actor, reason)
    _move(load_settings(brokers=brokers), lambda registry: moves.rollback(registry, stamp(), version))


@model.command("withdraw")
@click.argument("role", type=click.Choice(["challenger", "shadow"]))
@signed
@brokers_option
def withdraw(role: Role, actor: str, reason: str, brokers: str | None) -> None:
    """Take the challenger or the shadow out."""
    _move(load_settings(brokers=brokers), lambda registry: moves.withdraw(registry, role, stamp_now(actor, reason)))


@model.command("pin")
@click.argument("role", type=ROLE)
@signed
@brokers_option
def pin(role: Role, actor: str, reason: str, brokers: str | None) -> None:
    """Keep a role on the snapshot that has it now."""
    _move(load_settings(brokers=brokers), lambda registry: moves.pin(registry, role, stamp_now(actor, reason)))


@model.command("follow")
@click.argument("role", type=ROLE)
@signed
@brokers_option
def follow(role: Role, actor: str, reason: str, brokers: str | None) -> None:
    """Let a role follow its line: to the newest snapshot now, then to each new one."""
    _move(load_settings(brokers=brokers), lambda registry: moves.follow(registry, role, stamp_now(actor, reason)))


@model.command("freeze")
@signed
@brokers_option
def freeze(actor: str, reason: str, brokers: str | None) -> None:
    """Nothing is learned, promoted or followed until somebody acknowledges; who decides stays."""
    _move(load_settings(brokers=brokers), lambda registry: moves.freeze(registry, stamp_now(actor, reason)))


@model.command("acknowledge")
@signed
@brokers_option
def acknowledge(actor: str, reason: str, brokers: str | None) -> None:
    """Learning goes on after a freeze; alarms that stand are taken note of."""
    settings = load_settings(brokers=brokers)
    _move(settings, lambda registry: moves.acknowledge(registry, stamp_now(actor, reason)))
    written = ControlTable(settings, ALARMS, Alarm).change(
        lambda alarms: taken_note_of(alarms, (), stamp_now(actor, reason))
    )
    for name in written.records if isinstance(written, Edit) else ():
        click.echo(f"alarm {name} acknowledged")


@model.command("allow")
@click.argument("feature", callback=identifier)
@signed
@brokers_option
def allow(feature: str, actor: str, reason: str, brokers: str | None) -> None:
    """Let a FEATURE be learned from that was left out because it gives the answer away by itself."""
    table = ControlTable(load_settings(brokers=brokers), ALARMS, Alarm)

    def decide(alarms: Mapping[str, Alarm]) -> Edit[Alarm] | str:
        there = alarms.get(name_of(feature))
        if is_allowance(there):
            return f"{feature} may be learned from already"
        if there is None or not there.on:
            left_out = [
                name.removeprefix(PREFIX) for name, each in alarms.items() if each.on and name.startswith(PREFIX)
            ]
            raise MoveRefused(
                f"control.alarms: expected a feature that is left out ({', '.join(left_out) or 'there is none'}), got"
                f" {feature!r}.{did_you_mean(feature, left_out)} Nothing was written."
            )
        return Edit({there.name: allowance(feature, stamp_now(actor, reason), there)})

    done = table.change(decide)
    warn(table.problems)
    if isinstance(done, str):
        click.echo(f"{done}; nothing written")
    else:
        click.echo(f"{feature} may be learned from; the lab takes it in within a second or so, from the next label on.")


def _standing(settings: Settings) -> Registry:
    table = ControlTable(settings, MODELS, ModelVersion)
    registry = registry_from(table.read())
    warn(table.problems)
    return registry


def _move(settings: Settings, decide: Decide) -> None:
    """Write a move, or say why not."""
    table = ControlTable(settings, MODELS, ModelVersion)
    done = table.change(lambda records: decide(registry_from(records)))
    warn(table.problems)
    if isinstance(done, Refused):
        if done.already:
            click.echo(f"{done.why}; nothing written")
            return
        rows = "".join(f"\n  {'passed' if gate.passed else 'NOT   '}  {gate}" for gate in done.gates)
        raise MoveRefused(f"{done.why}. Nothing was written.{rows}")
    roles = done.records[ACTIVE]
    click.echo(f"{roles_in_words(roles)}. {TAKEN_OVER}")
    if roles.frozen:
        click.echo(
            "Learning is frozen: nothing is learned or moved by itself until `leadlane model acknowledge`, since"
            f" {utc(roles.at)}."
        )


def _learning(settings: Settings) -> LearningRow:
    policy = active_policy(settings)
    if policy is None:
        raise NotReady(
            "control.policies: expected an active policy, got none that this version can use: its gates are missing."
            " Publish one with `leadlane policy publish`."
        )
    return policy.learning
