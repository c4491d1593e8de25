"""Models as people and scripts see them: the list, and one version with its weights, figures, gates and history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import sqrt
from typing import Any, NamedTuple

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.commands.history import entries
from streams.commands.history import table as history_table
from streams.commands.signing import utc
from streams.core.context import ControlChange, ModelVersion
from streams.core.model import ModelDocument, Weight, load_model
from streams.core.policy import LearningRow
from streams.core.roles import RULES
from streams.kafka.changes import ACTIVE, roles_in_words
from streams.kafka.codec import wire_for
from streams.lab.gates import Gate, Interval, ModelMetrics, metrics_of
from streams.lab.moves import challenge_rows, promotion_rows
from streams.lab.registry import ROLES, Registry, Role
from streams.lane.wire import Wire
from streams.settings import Settings
from streams.topics import MODELS

MINUS_TO_PLUS = 1.96  # deviations on either side of a weight: 19 of 20


class Part(NamedTuple):
    """One weight in points of the score, and how far it may be off."""

    name: str
    points: float
    give_or_take: float


def listed(registry: Registry) -> list[ModelVersion]:
    """Versions in the order in which they came."""
    return sorted(registry.versions.values(), key=lambda each: (each.at, each.version))


def plain_roles(roles: ModelVersion) -> dict[str, Any]:
    """Who decides, as JSON."""
    shown = msgspec.to_builtins(roles)
    for name in ("document", "sha256", "line", "version"):
        del shown[name]
    return {**shown, "at": utc(roles.at), "since": {role: utc(at) for role, at in roles.since.items()}}


def plain_version(registry: Registry, version: ModelVersion) -> dict[str, Any]:
    """A version as JSON: roles, document in short, figures."""
    document = document_of(version)
    counts = {"examples": None, "positives": None, "trained_through": None, "problem": document}
    if isinstance(document, ModelDocument):
        counts = {name: getattr(document, name) for name in ("examples", "positives", "trained_through")}
    return {
        "version": version.version, "line": version.line, "roles": roles_of(registry, version.version), **counts,
        "metrics": msgspec.to_builtins(metrics_of(version.document)), "sha256": version.sha256,
        "actor": version.actor, "reason": version.reason, "at": utc(version.at),
    }  # fmt: skip


def document_of(version: ModelVersion) -> ModelDocument | str:
    """The document, or why a worker could not use it."""
    try:
        return load_model(version.document).document
    except ValueError as error:
        return str(error)


def roles_of(registry: Registry, version: str) -> list[str]:
    """champion, follows its line; former."""
    roles = registry.roles
    held = [role for role in ROLES if registry.holder(role) == version]
    named = [f"{role}, follows" if role in roles.follows else role for role in held]
    return [*named, "former champion"] if version in roles.former else named


COLUMNS = ("version", "role", "learned", "auc", "lift", "loss", "ece", "published")


def print_list(registry: Registry) -> None:
    """All versions and who decides; lift is that of the top decile."""
    table = Table(box=None, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, no_wrap=column != "role", overflow="fold")
    for version, cells in rows(registry):
        table.add_row(*map(Text, cells), style="" if roles_of(registry, version) else "dim")
    Console().print(table)
    roles = registry.roles
    click.echo(f"{roles_in_words(roles)}, by {roles.actor} at {utc(roles.at)}: {roles.reason}")
    if roles.frozen:
        click.echo("Learning is FROZEN: look into it, then `leadlane model acknowledge --actor WHO --reason WHY`.")


def rows(registry: Registry) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The lines of the list; the rules are always there."""
    yield RULES, (RULES, "; ".join(roles_of(registry, RULES)), *[""] * 6)
    for version in listed(registry):
        document, metrics = document_of(version), metrics_of(version.document)
        learned = "UNUSABLE" if isinstance(document, str) else f"{document.examples:,}"
        lift = None if metrics.lift_at_10 is None else metrics.lift_at_10.value
        figures = (_number(metrics.auc, 3), _number(lift, 2), _number(metrics.log_loss, 3), _number(metrics.ece, 3))
        held = "; ".join(roles_of(registry, version.version))
        yield version.version, (version.version, held, learned, *figures, utc(version.at))


def print_version(
    settings: Settings, registry: Registry, version: ModelVersion, row: LearningRow | None, most: int, now: int
) -> None:
    """One version, whole."""
    click.echo(
        f"{version.version} of line {version.line}: {'; '.join(roles_of(registry, version.version)) or 'no role'}"
    )
    click.echo(f"by {version.actor} at {utc(version.at)}: {version.reason}; sha256 {version.sha256[:12]}")
    document = document_of(version)
    if isinstance(document, str):
        click.echo(f"UNUSABLE, workers fall back: {document}")
    else:
        _print_document(document, most)
    _print_metrics(metrics_of(version.document))
    if row is None:
        click.echo("\nGates: no policy is active, so there are none")
    else:
        _print_gates("before it may challenge", challenge_rows(registry, version, now, row))
        _print_gates("before it may be promoted, besides who approves", promotion_rows(registry, version, row))
    told = list(about(entries(settings), version.version, wire_for(settings)))
    if told:
        click.echo("\nHistory")
        Console().print(history_table(told))


def weights(document: ModelDocument) -> list[Part]:
    """Every weight in points of the score, the largest first; of numbers per standard deviation."""
    slope, points = document.calibration.slope, document.scale.points
    found = [
        *((f"{name}, per deviation", term.weight) for name, term in document.numbers.items()),
        *(named for name, term in document.numbers.items() for named in _bins(name, term.edges, term.bins)),
        *((f"{name}={value}", each) for name, values in document.categories.items() for value, each in values.items()),
        *((f"{name} missing", each) for name, each in document.missing.items()),
    ]
    parts = [
        Part(name, slope * points * each.weight, MINUS_TO_PLUS * slope * points / sqrt(each.precision))
        for name, each in found
        if each.weight
    ]
    return sorted(parts, key=lambda part: (-abs(part.points), part.name))


def about(changes: Iterable[ControlChange], version: str, wire: Wire) -> Iterator[ControlChange]:
    """What was done with a version: its publication, and every change of roles that gave or took it one."""
    had: set[Role] = set()
    for change in changes:
        if change.topic != MODELS.name:
            continue
        if change.key == version:
            yield change
        elif change.key == ACTIVE and change.value is not None:
            roles = wire.decode_control(MODELS.name, change.value)
            assert isinstance(roles, ModelVersion)
            has = {role for role in ROLES if getattr(roles, role) == version}
            if has != had:
                yield change
            had = has


def _bins(name: str, edges: tuple[float, ...], bins: tuple[Weight, ...]) -> Iterator[tuple[str, Weight]]:
    for number, weight in enumerate(bins):
        low = f"{edges[number - 1]:g} <= " if number else ""
        high = f" < {edges[number]:g}" if number < len(edges) else ""
        yield f"{low}{name}{high}", weight


def _print_document(document: ModelDocument, most: int) -> None:
    calibration, scale = document.calibration, document.scale
    click.echo(f"{document.examples:,} examples, {document.positives:,} positives, through {document.trained_through}")
    click.echo(f"calibration: logit = {calibration.offset:+.4f} + {calibration.slope:.4f} * raw")
    click.echo(f"score: {scale.base:.2f} {scale.points:+.2f} points per unit of logit")
    for name, auc in sorted(document.left_out.items()):
        click.echo(f"left out: {name} gives the answer away (AUC {auc:.3f} by itself)")
    parts = weights(document)
    if most and parts:
        table = Table(
            box=None, pad_edge=False, title=f"\n{min(most, len(parts))} of {len(parts)} weights", title_justify="left"
        )
        for column in ("weight", "points", "give or take"):
            table.add_column(column, overflow="fold", justify="left" if column == "weight" else "right")
        for part in parts[:most]:
            table.add_row(Text(part.name), f"{part.points:+.2f}", f"{part.give_or_take:.2f}")
        Console().print(table)


def _print_metrics(metrics: ModelMetrics) -> None:
    click.echo(f"\nFigures on {metrics.labels:,} matured labels, {metrics.positives:,} of them good")
    ratio = metrics.worst_impact_ratio
    worst = "-" if ratio is None else "insufficient n" if ratio.value is None else f"{ratio.value:.2f} ({ratio.group})"
    lift = (
        f"lift at 10 % {_interval(metrics.lift_at_10)}, difference to the champion {_interval(metrics.lift_difference)}"
    )
    loss = f"log-loss {_number(metrics.log_loss, 4)} (champion {_number(metrics.champion_log_loss, 4)})"
    click.echo(f"  AUC {_number(metrics.auc, 3)}, {lift}")
    click.echo(f"  {loss}, calibration error {_number(metrics.ece, 4)}, worst impact ratio {worst}")


def _print_gates(title: str, gates: tuple[Gate, ...]) -> None:
    click.echo(f"\nGates {title}")
    for gate in gates:
        click.echo(f"  {'passed' if gate.passed else 'NOT   '}  {gate}")


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _interval(found: Interval | None) -> str:
    return "-" if found is None else f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"
