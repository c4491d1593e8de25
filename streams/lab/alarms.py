"""From KPIs to alarms: what is beyond its limit, since when, and what follows from it.

Law of this module: an alarm on a rate needs its whole interval beyond the limit, one on a change more than chance; it
goes on at once and off only after `clear_ms` without cause, so that it does not flap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import sqrt
from typing import NamedTuple

import msgspec

from streams.core import context
from streams.core.policy import GovernanceRow
from streams.lab.books import Books
from streams.lab.drift import LossDrift
from streams.lab.kpis import Kpis, losses_of
from streams.lab.rates import falls, quantile_of_normal

ACTOR = "lab"


class Cause(NamedTuple):
    """What one rule sees now."""

    name: str  # fairness:age_band=under 25:selection
    on: bool
    value: float
    threshold: float
    detail: str


class Alarm(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An alarm as it stands. `since`: when it last went on or off; `seen_at`: when it last had a cause."""

    name: str
    on: bool
    value: float
    threshold: float
    detail: str
    since: int
    seen_at: int = 0

    @property
    def kind(self) -> str:
        """drift, fairness, override_rate ...: what the policy's lists name."""
        return self.name.partition(":")[0]


def causes(kpis: Kpis, books: Books, losses: LossDrift, settings: GovernanceRow) -> Iterator[Cause]:
    """What every rule sees."""
    yield from _drift(kpis, losses)
    yield from _fairness(kpis, settings)
    yield from _rates(kpis, settings)
    yield from _scores(kpis, settings)
    yield _log_loss(books, settings)
    for one in kpis.reviewers:
        on = one.unread.n >= settings.least and one.unread.low > settings.stamp_share
        detail = f"{one.actor} approved unread {one.unread.text}"
        yield Cause(f"rubber_stamp:{one.actor}", on, one.unread.value or 0.0, settings.stamp_share, detail)


def settle(standing: Mapping[str, Alarm], found: Iterator[Cause], now: int, clear_ms: int) -> dict[str, Alarm]:
    """The alarms after a look. One without cause stays on until it has been without for `clear_ms`."""
    seen = {cause.name: cause for cause in found}
    after: dict[str, Alarm] = {}
    for name, cause in seen.items():
        before = standing.get(name)
        was_on = before is not None and before.on
        last_cause = now if cause.on else before.seen_at if before else 0
        on = cause.on or (was_on and now - last_cause < clear_ms)
        since = before.since if before is not None and before.on == on else now
        after[name] = Alarm(name, on, cause.value, cause.threshold, cause.detail, since, last_cause)
    for name, old in standing.items():  # what is no longer measured, such as a group that is gone
        if name not in seen and old.on:
            gone = now - old.seen_at >= clear_ms
            after[name] = msgspec.structs.replace(old, on=not gone, since=now if gone else old.since)
    return after


def rollback_reasons(alarms: Mapping[str, Alarm], kinds: tuple[str, ...], since: int) -> tuple[str, ...]:
    """Why to go back, in words, empty for no reason: alarms of these kinds that went on after `since`.

    `kinds` is the policy's model_rollback or policy_rollback, `since` when what would be rolled back took over: what
    was wrong before is not its fault, and going back would not mend it.
    """
    return tuple(
        f"{alarm.name}: {alarm.detail}"
        for alarm in sorted(alarms.values(), key=lambda alarm: (alarm.since, alarm.name))
        if alarm.on and alarm.kind in kinds and alarm.since >= since
    )


def to_publish(
    alarms: Mapping[str, Alarm], published: Mapping[str, context.Alarm], settings: GovernanceRow
) -> dict[str, context.Alarm]:
    """Records for control.alarms, by key: alarms that went on or off since `published`, as it stands on the topic."""
    due: dict[str, context.Alarm] = {}
    for name, alarm in alarms.items():
        before = published.get(name)
        if alarm.on != (before is not None and before.on):
            due[name] = as_record(alarm, settings)
    for name, before in published.items():
        if before.on and name not in alarms:
            due[name] = msgspec.structs.replace(before, on=False, reason="no longer measured", acknowledged_by=None)
    return due


def as_record(alarm: Alarm, settings: GovernanceRow) -> context.Alarm:
    return context.Alarm(
        actor=ACTOR,
        reason=alarm.detail if alarm.on else f"over: {alarm.detail}",
        at=alarm.since,
        name=alarm.name[:200],
        on=alarm.on,
        value=alarm.value,
        threshold=alarm.threshold,
        detail=alarm.detail,
        distrust=alarm.kind in settings.distrust,
    )


def _drift(kpis: Kpis, losses: LossDrift) -> Iterator[Cause]:
    shift = kpis.drift
    detail = f"PSI of scores {shift.psi:.3f}, limit {shift.threshold:.3f}, {shift.n:,} against {shift.reference:,}"
    yield Cause("drift:score", shift.drifts, shift.psi, shift.threshold, detail)
    if losses.alarmed_at:
        ago = losses.seen - losses.alarmed_at
        detail = f"log-loss rose from {losses.before:.3f} to {losses.after:.3f}, {ago:,} labels ago"
    else:
        detail = f"log-loss {losses.mean:.3f}, no rise in {losses.seen:,} labels"
    yield Cause("drift:outcomes", losses.is_on, losses.after if losses.is_on else losses.mean, losses.before, detail)


def _fairness(kpis: Kpis, settings: GovernanceRow) -> Iterator[Cause]:
    words = {"selection": "selected", "missed": "not missed", "wait": "answered as fast"}
    for each in kpis.fairness:
        if each.ratio is None or each.verdict == "best":
            continue
        detail = (
            f"{each.value} is {words[each.ratio_of]} at {each.ratio:.2f} of {each.against}"
            f" ({each.low:.2f} to {each.high:.2f}, n {each.n:,}), limit {settings.fairness_least_ratio:g}"
        )
        yield Cause(each.name, each.verdict == "alarm", each.ratio, settings.fairness_least_ratio, detail)


def _rates(kpis: Kpis, settings: GovernanceRow) -> Iterator[Cause]:
    least, shares = settings.least, kpis.automation
    over, limit = kpis.overrides, settings.override_rate
    yield Cause(
        "override_rate", over.n >= least and over.low > limit, over.value or 0.0, limit, f"overrides {over.text}"
    )
    lowest = settings.automation_share - settings.automation_margin
    is_low = shares.n >= least and shares.high < lowest
    yield Cause("automation_share", is_low, shares.value or 0.0, lowest, f"automatic {shares.text}")
    lost, limit = kpis.false_suppress, settings.false_suppress_rate
    is_high = lost.n >= least and lost.low > limit
    yield Cause("false_suppress", is_high, lost.value or 0.0, limit, f"good leads among suppressed {lost.text}")
    before, now = kpis.attainment_before, kpis.attainment
    dropped = (before.value or 0.0) - (now.value or 0.0) if min(before.n, now.n) >= least else 0.0
    is_drop = dropped > settings.sla_drop and falls(before, now, settings.confidence)
    yield Cause("sla_attainment", is_drop, dropped, settings.sla_drop, f"met {now.text}, before {before.text}")
    broken, limit = kpis.violations, settings.policy_violations
    detail = f"{broken} sends without an authorising decision that holds"
    yield Cause("policy_violation", broken > limit, float(broken), float(limit), detail)


def _scores(kpis: Kpis, settings: GovernanceRow) -> Iterator[Cause]:
    scores = kpis.scores
    enough = scores.n >= settings.drift_least
    moved = 0.0 if scores.mean is None or scores.former is None else abs(scores.mean - scores.former)
    detail = f"mean score {scores.mean or 0:.1f} of {scores.n:,}"
    before = "" if scores.former is None else f", {scores.former:.1f} before the last change of policy or model"
    shift = settings.score_shift
    yield Cause("score_mean_shift", enough and moved > shift, moved, shift, detail + before)
    detail = f"{scores.n:,} scores in {scores.bins} of the histogram's bins"
    yield Cause("score_constant", enough and scores.bins == 1, float(scores.bins), 1.0, detail)


def _log_loss(books: Books, settings: GovernanceRow) -> Cause:
    """The newest labels against those before. Beyond chance: unchanged data rises by 10 % at times."""
    newest, before = losses_of(books, settings)
    if min(len(newest), len(before)) < settings.log_loss_labels:
        have = len(newest) + len(before)
        detail = f"{have:,} labels, needs {2 * settings.log_loss_labels:,}"
        return Cause("log_loss", False, 0.0, settings.log_loss_rise, detail)
    rise = float(newest.mean() / before.mean() - 1) if before.mean() else 0.0
    error = sqrt(newest.var(ddof=1) / len(newest) + before.var(ddof=1) / len(before))
    is_sure = newest.mean() - before.mean() > quantile_of_normal(settings.drift_quantile) * error
    detail = f"log-loss {newest.mean():.3f} over {len(newest):,} labels, {before.mean():.3f} before: {rise:+.1%}"
    return Cause("log_loss", rise > settings.log_loss_rise and bool(is_sure), rise, settings.log_loss_rise, detail)
