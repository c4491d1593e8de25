"""The policy as the core sees it: rows of values, and all expressions joined into one.

Built by streams/policy (which validates the YAML document and says what is wrong with it); every number of the domain
lives in these rows, none in code. `when` expressions are zen over the facts of streams/core/fact_table.py.

Next: streams/core/gate.py
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Literal

import msgspec
import zen

from streams.core.guard import NO_GUARD, GuardRow, Threshold
from streams.core.sampling import seed_of

ConditionEffect = Literal["human", "stop", "review", "deny"]


class TierRow(msgspec.Struct, frozen=True):
    """First match wins; the last row always matches."""

    id: str  # T0_VIP
    when: str
    queue: str
    human: bool
    sla: str | None = None  # of the case that a human tier opens
    next_best_action: str = ""
    do_not: str = ""
    suppress: bool = False
    auto_accept: bool = False  # automation accepts: sampled for audit
    sheds: bool = True  # the capacity guard may hold it back


class ConditionRow(msgspec.Struct, frozen=True):
    """One needs-human condition.

    effect: human opens a case; stop also stops all cadences; review and deny decide outreach requests.
    pulse: true only at the event that carries it, so that each such event counts; otherwise it fires on its edge.
    """

    id: str  # N04
    code: str  # VIP_ACCOUNT
    when: str
    effect: ConditionEffect
    queue: str
    sla: str
    severity: int  # 1 is worst
    next_best_action: str
    do_not: str
    detail: str  # "sentiment {sentiment} <= -0.6": format string over the facts
    facts: tuple[str, ...] = ()  # those that `when` reads: shown in the detail
    pulse: bool = False
    sheds: bool = True  # the capacity guard may hold it back
    other_rep: bool = False  # N17: never to the rep who declined
    blocks: bool = True  # automated marketing waits until its case is decided; not so for a blind audit


class ScoreTerm(msgspec.Struct, frozen=True):
    """points = weight * (value - neutral), when the axis has a value."""

    feature: str  # fit, engagement, intent, vendor, sentiment ...
    weight: float
    neutral: float


class ScoreRow(msgspec.Struct, frozen=True):
    base: float
    terms: tuple[ScoreTerm, ...]
    engagement_half_life_days: float
    publish_step: float  # points: a smaller move is not published
    interval_at_no_evidence: float  # width of the interval, 0..1
    evidence_for_half_width: float  # pieces of fully trusted evidence that halve it
    unstated_confidence: float = 0.8  # of a measure whose source states none


class HoldRow(msgspec.Struct, frozen=True):
    """Numbers of the hold rules; names say the unit."""

    ooo_margin_business_days: int = 1
    resume_hour: int = 9  # lead's time zone
    ooo_longest_days: int = 90
    ooo_unknown_days: int = 7
    not_now_lead_days: int = 7
    not_now_unknown_days: int = 90
    not_interested_days: int = 180
    colleague_replied_business_days: int = 3
    meeting_margin_business_days: int = 1
    support_margin_days: int = 3
    support_worst_severity: int = 2
    support_csat: float = 2
    soft_bounces: int = 3
    soft_bounce_window_days: int = 7
    soft_bounce_days: int = 7
    fatigue_touches: int = 5
    fatigue_window_days: int = 14
    fatigue_days: int = 30
    resume_jitter_minutes: int = 240
    stale_content_days: int = 30


class Cap(msgspec.Struct, frozen=True):
    """At most `most` touches of a kind in a rolling window; over cap is deferred, not dropped."""

    id: str  # marketing_email_day
    channel: str | None  # None: all channels
    marketing_only: bool
    most: int
    window_ms: int


class CapRow(msgspec.Struct, frozen=True):
    caps: tuple[Cap, ...]
    gap_ms: int  # between two touches on one channel
    quiet_from_hour: int  # lead's time zone
    quiet_to_hour: int
    expiry_ms: int  # a deferred request is not worth sending after that


class SlaRow(msgspec.Struct, frozen=True):
    """A budget of working time (or of wall time), and what happens when it is used up."""

    id: str
    budget_ms: int
    working_time: bool
    warn_shares: tuple[float, ...]  # .5 .8
    escalate_shares: tuple[float, ...]  # 1.5 2.0
    on_timeout: Literal["escalate", "deny"] = "escalate"  # deny: only a decision meets it, not a claim
    also: str | None = None  # another row whose clock starts with this one: claim within, decide within


class CalendarRow(msgspec.Struct, frozen=True):
    start_hour: int
    end_hour: int
    weekend: tuple[int, ...]  # 5, 6: Monday is 0
    country: str | None  # when the lead's is unknown
    time_zone: str


class QueueRow(msgspec.Struct, frozen=True):
    id: str
    purpose: str
    open_per_rep: int
    overflow: str | None  # queue that takes what nobody here can


class SamplingRow(msgspec.Struct, frozen=True):
    explore_share: float
    audit_share: float
    review_band: float  # points around a tier boundary
    review_confidence: float
    boundaries: tuple[float, ...]


class GateRow(msgspec.Struct, frozen=True):
    segment_growth_share: float  # audience growth that voids an approval
    bulk_persons: int
    approval_days: int
    allow_ms: int  # how long an allow holds
    lawful: Mapping[str, Mapping[str, tuple[str, ...]]]  # region or country -> channel -> lawful bases


class LearningRow(msgspec.Struct, frozen=True):
    """What is learned from, and what a model must show before it decides; docs/reference/models.md."""

    positive: tuple[str, ...] = ("accepted", "meeting_held", "opportunity", "won")  # outcomes of a good lead
    negative: tuple[str, ...] = ("rejected", "lost")
    horizon_ms: int = 7_776_000_000  # a decision without any outcome is a provisional "no" after this; 0: never
    exclude: tuple[str, ...] = ()  # features that no model may look at
    least_labels: int = 1000  # below either, the rules decide: in all, and in each segment ...
    least_positives: int = 120
    segment_by: str = ""  # ... of this feature; empty: there are no segments
    shadow_ms: int = 1_209_600_000  # a line is a shadow for so long before it may challenge
    matured_labels: int = 500  # labels of decisions that it scored, before it may challenge or be promoted
    challenger_share: float = 0.10
    max_ece: float = 0.05
    least_impact_ratio: float = 0.8
    approvers: int = 2


class GovernanceRow(msgspec.Struct, frozen=True):
    """What is watched while automation decides, and from where on it is an alarm; docs/reference/governance.md."""

    groups: tuple[str, ...] = ()  # declared attributes by which fairness is measured
    window_ms: int = 86_400_000  # rates and scores are those of the last so many ms
    confidence: float = 0.95  # of every interval
    least: int = 20  # below it a rate is no alarm
    clear_ms: int = 3_600_000  # an alarm is over when it has had no cause for so long
    drift_bins: int = 10
    drift_psi: float = 0.2  # no alarm below, however sure
    drift_quantile: float = 0.999  # of what unchanged data gives
    drift_least: int = 200
    drift_reference_ms: int = 604_800_000  # scores are compared with the first so many ms of the policy and model line
    drift_delta: float = 0.002  # of ADWIN on log-loss
    drift_hold_labels: int = 500  # a rise of log-loss stays an alarm for so many further labels
    fairness_least_ratio: float = 0.8
    fairness_least: int = 30
    fairness_least_share: float = 0.02
    fairness_error: float = 0.001  # chance that any of all comparisons alarms at one look when there is no difference
    fairness_window_ms: int = 2_592_000_000
    override_rate: float = 0.20
    automation_share: float = 0.90  # the target ...
    automation_margin: float = 0.05  # ... and how far below it is an alarm
    false_suppress_rate: float = 0.05
    sla_drop: float = 0.05  # of attainment, from one window to the next
    score_shift: float = 10.0  # points, of the mean since a change of policy or model line
    log_loss_rise: float = 0.10  # relative ...
    log_loss_labels: int = 500  # ... over so many labels
    policy_violations: int = 0  # more are an alarm
    agree_share: float = 0.95  # a condition whose cases are approved as they were so often changes nothing
    stamp_dwell_ms: int = 5_000  # an approval quicker than this, with no evidence opened, is a stamp
    stamp_share: float = 0.5  # of a person's decisions
    distrust: tuple[str, ...] = ("drift", "fairness", "log_loss", "score_constant", "score_mean_shift")  # N20
    model_rollback: tuple[str, ...] = (
        "log_loss", "sla_attainment", "override_rate", "policy_violation", "score_mean_shift", "score_constant",
    )  # fmt: skip
    policy_rollback: tuple[str, ...] = (
        "sla_attainment", "override_rate", "policy_violation", "score_mean_shift", "score_constant",
    )  # fmt: skip


UNLEARNED = LearningRow()
AS_SHIPPED = GovernanceRow()
BACKGROUND_FACTS = frozenset({"event", "days_since_reaction"})  # what a mere send, open or click changes
FREE_MAIL, COMPETITOR, STUDENT = 1, 2, 4  # bits of CompiledPolicy.domains


def zen_answers(expression: str) -> Callable[[Sequence[Any]], list[bool]]:
    """The joined expression run by zen, which converts what it is given each time: a list costs a third of a dict."""
    evaluate = zen.compile_expression(expression).evaluate
    return lambda facts: evaluate({"f": facts})


class CompiledPolicy:
    """A policy version, ready to evaluate. Immutable.

    `expression` is one zen array: an element per tier, then one per condition, over `f[i]`, the i-th fact of `reads`.
    `answers` is a quicker form of it that is known to say the same (streams/policy/quick.py); without one, zen runs.
    `raised` is the same expression with the capacity guard's thresholds as further elements of `f`, empty without any.
    """

    __slots__ = (
        "_answers", "_pick", "_raised_answers", "_tier_count", "audit_seed", "calendar", "caps", "conditions",
        "domains", "expression", "gate", "governance", "guard", "guarded_queues", "holds", "human_tiers",
        "learning", "queues", "raised", "reads", "reads_background", "renewal_days", "sampling", "score",
        "score_terms", "selected", "settling_ms", "sha256", "slas", "thresholds", "tiers", "values", "version",
    )  # fmt: skip

    def __init__(
        self,
        *,
        version: str,
        sha256: str,
        tiers: tuple[TierRow, ...],
        conditions: tuple[ConditionRow, ...],
        score: ScoreRow,
        holds: HoldRow,
        caps: CapRow,
        slas: Mapping[str, SlaRow],
        calendar: CalendarRow,
        queues: Mapping[str, QueueRow],
        sampling: SamplingRow,
        gate: GateRow,
        learning: LearningRow = UNLEARNED,
        governance: GovernanceRow = AS_SHIPPED,
        guard: GuardRow = NO_GUARD,
        values: Mapping[str, Any],
        domains: Mapping[str, int],
        expression: str,
        reads: tuple[str, ...],
        answers: Callable[[Sequence[Any]], list[bool]] | None = None,
        thresholds: tuple[Threshold, ...] = (),
        raised: str = "",
        raised_answers: Callable[[Sequence[Any]], list[bool]] | None = None,
    ) -> None:
        self.version, self.sha256 = version, sha256
        self.tiers, self.conditions = tiers, conditions
        self.score, self.holds, self.caps = score, holds, caps
        self.score_terms = tuple((term.feature, term.weight, term.neutral) for term in score.terms)
        self.slas, self.calendar, self.queues = slas, calendar, queues
        self.sampling, self.gate = sampling, gate
        self.learning, self.governance = learning, governance
        self.values = values  # named values that facts and rules read, e.g. role_mailboxes
        self.domains = domains  # mail domain or its ending -> bits of FREE_MAIL, COMPETITOR, STUDENT
        self.reads = reads  # names of the facts that the expression reads
        self.expression = expression
        self.settling_ms = int(values["settling_minutes"] * 60_000) if "minutes_since_arrival" in reads else 0
        self.renewal_days = int(values["renewal_days"]) if "days_to_renewal" in reads else 0
        self.audit_seed = seed_of(f"audit\0{version}")
        self.reads_background = not BACKGROUND_FACTS.isdisjoint(reads)
        self.human_tiers = {tier.id: tier.queue for tier in tiers if tier.human}
        self.selected = frozenset(tier.id for tier in tiers if tier.human or tier.auto_accept)  # somebody works them
        self._tier_count = len(tiers)
        self._pick = itemgetter(*reads, reads[0])  # one more than is read: with a single name it would give no tuple
        self._answers = answers or zen_answers(expression)
        self.guard, self.thresholds, self.raised = guard, thresholds, raised
        self.guarded_queues = frozenset(threshold.queue for threshold in thresholds)
        self._raised_answers = raised_answers or zen_answers(raised or expression)

    def evaluate(self, facts: Mapping[str, Any]) -> tuple[TierRow, tuple[ConditionRow, ...]]:
        """The first tier that matches and the conditions that hold, in the policy's order."""
        return self._rows(self._answers(self._pick(facts)))

    def evaluate_raised(
        self, facts: Mapping[str, Any], thresholds: tuple[float, ...]
    ) -> tuple[TierRow, tuple[ConditionRow, ...]]:
        """`evaluate` where the values of `self.thresholds` are these."""
        return self._rows(self._raised_answers((*self._pick(facts)[:-1], *thresholds)))

    def _rows(self, answers: list[bool]) -> tuple[TierRow, tuple[ConditionRow, ...]]:
        tier, held = self.tiers[answers.index(True)], answers[self._tier_count :]
        if True not in held:
            return tier, ()
        return tier, tuple(row for row, holds in zip(self.conditions, held, strict=True) if holds)
