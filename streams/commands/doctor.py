"""`leadlane doctor`: is everything there that a worker needs? Each line says ok, or what to do."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass

import click

from streams.commands.options import brokers_option
from streams.errors import LeadlaneError, NotReady
from streams.settings import Settings, load_settings

OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look gave. `remedy` is empty when all is well; `note`: well, and still worth a look."""

    subject: str
    seen: str
    remedy: str = ""
    note: bool = False

    def __str__(self) -> str:
        if not self.remedy:
            return f"{'note' if self.note else 'ok':<8}{self.subject}: {self.seen}"
        return f"FAILED  {self.subject}: {self.seen}\n        {self.remedy}"


@click.command()
@brokers_option
def doctor(brokers: str | None) -> None:
    """Check Python, settings, brokers, topics, policy, models and the schema registry; exit code 6 if any fails."""
    failed = 0
    for finding in examine(brokers):
        click.echo(finding)
        failed += bool(finding.remedy)
    if failed:
        raise NotReady(f"{failed} of the lines above say FAILED. Do what they say, from the first to the last.")


def examine(brokers: str | None) -> list[Finding]:
    """Every look, in the order in which faults should be mended; what a fault makes pointless is left out."""
    findings = [look_at_python(), look_at_core()]
    try:
        settings = load_settings(brokers=brokers)
    except LeadlaneError as error:
        return [*findings, _failed("settings", error)]
    findings.append(Finding("settings", "no fault; `leadlane settings` prints them"))
    cluster = _tried("brokers", look_at_brokers, settings)
    findings.append(cluster)
    if not cluster.remedy:
        findings.append(_tried("topics", look_at_topics, settings))
        if not findings[-1].remedy:
            findings.append(_tried("sealing", look_at_sealing, settings))
        findings.append(_tried("policy", look_at_policy, settings))
        if not findings[-1].remedy:
            findings += [_tried("roster", look_at_roster, settings), _tried("switches", look_at_switches, settings)]
            findings += [_tried("models", look_at_models, settings), _tried("alarms", look_at_alarms, settings)]
    if settings.schema_registry_url:
        findings.append(_tried("schema registry", look_at_registry, settings))
    else:
        findings.append(Finding("schema registry", "none is set: ids come from the built-in catalogue"))
    return findings


def look_at_python() -> Finding:
    """Is this Python new enough?"""
    seen = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info < OLDEST_PYTHON:
        return Finding("python", seen, f"Expected {'.'.join(map(str, OLDEST_PYTHON))} or newer.")
    return Finding("python", seen)


def look_at_core() -> Finding:
    """Which build decides? Both are well: they decide the same, byte by byte."""
    from streams.compiled import core_in_words

    return Finding("core", core_in_words())


def look_at_brokers(settings: Settings) -> Finding:
    """Does a cluster answer?"""
    from streams.kafka.admin import TopicAdmin

    return Finding("brokers", f"{TopicAdmin(settings).brokers} at {settings.brokers}")


def look_at_topics(settings: Settings) -> Finding:
    """Is every topic there, as declared?"""
    from streams.kafka import admin
    from streams.topics import TOPICS

    differing = admin.told(admin.check(settings))
    if differing:
        noun = "difference" if len(differing) == 1 else "differences"
        return Finding("topics", f"{len(differing)} {noun} from the declaration", "\n        ".join(differing))
    return Finding("topics", f"{len(TOPICS)} as declared")


def look_at_sealing(settings: Settings) -> Finding:
    """Are personal texts sealed, and what does that mean for an erasure?"""
    from streams.commands.privacy import count_keys
    from streams.privacy.seal import secrets_of

    secrets, found = secrets_of(settings), count_keys(settings)
    if secrets is None and not found.keys:
        seen = "off: texts stand on topics as they came, and an erasure leaves them until retention ends"
        return Finding("sealing", f"{seen}; `leadlane privacy secret` makes a LEADLANE_SEAL_SECRET", note=True)
    keys = f"{found.keys:,} keys of {found.leads:,} leads"
    if secrets is None:
        remedy = "Set LEADLANE_SEAL_SECRET to what sealed them: without it workers send sealed inputs to dead.letters."
        return Finding("sealing", f"off here, but privacy.keys has {keys}", remedy)
    strange = {secret: count for secret, count in found.by_secret.items() if secret not in secrets.by_id}
    if strange:
        named = ", ".join(f"{secret} ({count:,} keys)" for secret, count in sorted(strange.items()))
        remedy = f"Add the secrets {named} to LEADLANE_SEAL_SECRET after a comma: what they seal cannot be read here."
        return Finding("sealing", f"on, {keys}", remedy)
    return Finding("sealing", f"on, {keys}: an erasure makes what they seal unreadable in every topic")


def look_at_policy(settings: Settings) -> Finding:
    """Is a policy active? A worker does not start without."""
    from streams.policy.publish import read_published
    from streams.shipped import default_policy

    published = read_published(settings)
    if published.active is None:
        remedy = f"Publish one: leadlane policy publish {default_policy()} --actor NAME --reason TEXT"
        return Finding("policy", "none is active", remedy)
    return Finding("policy", f"{published.active.version} is active, {len(published.versions)} published")


def look_at_roster(settings: Settings) -> Finding:
    """Is anybody there to take leads and cases? A worker starts without; they have no owner then."""
    from streams.core.context import RosterEntry
    from streams.kafka.control import read_control
    from streams.topics import ROSTER

    standing = read_control(settings, ROSTER, RosterEntry)
    active = sum(entry.active for entry in standing.records.values())
    if standing.problems:
        return Finding("roster", f"{active} active reps", "\n        ".join(standing.problems))
    if not active:
        seen = "nobody is active: leads and cases have no owner until `leadlane roster apply FILE`"
        return Finding("roster", seen, note=True)
    return Finding("roster", f"{active} active reps of {len(standing.records)}")


def look_at_switches(settings: Settings) -> Finding:
    """Is something switched off? That may be meant."""
    from streams.core.context import Switch
    from streams.kafka.control import read_control
    from streams.topics import SWITCHES

    standing = read_control(settings, SWITCHES, Switch)
    off = [f"{each.name} is OFF, by {each.actor}: {each.reason}" for each in standing.records.values() if not each.on]
    seen = "; ".join(off) or "none is off"
    if standing.problems:
        return Finding("switches", seen, "\n        ".join(standing.problems))
    return Finding("switches", seen, note=bool(off))


def look_at_models(settings: Settings) -> Finding:
    """Who decides, can workers use it, and does learning go on?"""
    from streams.core.context import ModelVersion
    from streams.kafka.changes import roles_in_words
    from streams.kafka.control import read_control
    from streams.lab.registry import registry_from, unusable
    from streams.topics import MODELS

    standing = read_control(settings, MODELS, ModelVersion)
    registry = registry_from(standing.records)
    roles, seen = registry.roles, roles_in_words(registry.roles)
    wrong = [*standing.problems, *unusable(registry)]
    if roles.frozen:
        how = "leadlane model acknowledge --actor NAME --reason TEXT"
        seen += f", by {roles.actor}: {roles.reason}. Nothing is learned until `{how}`"
    return Finding("models", seen, "\n        ".join(wrong), note=roles.frozen)


def look_at_alarms(settings: Settings) -> Finding:
    """Has governance found something wrong?"""
    from streams.core.context import Alarm
    from streams.kafka.control import read_control
    from streams.topics import ALARMS

    standing = read_control(settings, ALARMS, Alarm)
    on = [f"{each.name} is on: {each.detail or each.reason}" for each in standing.records.values() if each.on]
    return Finding("alarms", "; ".join(on) or "none is on", "\n        ".join(standing.problems), note=bool(on))


def look_at_registry(settings: Settings) -> Finding:
    """Does the schema registry answer, and has it our schemas?"""
    from streams.kafka.registering import compare, told
    from streams.kafka.registry import SchemaRegistry

    registry = SchemaRegistry(settings)
    subjects = compare(registry)
    faults, seen = [fault for subject in subjects for fault in subject.faults], f"{len(subjects)} subjects of ours"
    if faults:
        return Finding("schema registry", f"{registry.url} lacks what we need", "\n        ".join(faults))
    others = told(subjects)
    return Finding("schema registry", "; ".join([f"{seen} at {registry.url}", *others]), note=bool(others))


def _tried(subject: str, look: Callable[[Settings], Finding], settings: Settings) -> Finding:
    try:
        return look(settings)
    except LeadlaneError as error:
        return _failed(subject, error)


def _failed(subject: str, error: LeadlaneError) -> Finding:
    return Finding(subject, type(error).__name__, str(error.args[0]).strip())
