"""From the text of a policy document to a CompiledPolicy, or every fault at once.

Steps: YAML -> pydantic (shapes, ranges) -> references between the parts -> expressions (names, macros, types) -> rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

import yaml
from pydantic import ValidationError

from streams.core import policy as core
from streams.core.fact_table import FACT
from streams.core.guard import GuardRow
from streams.core.lawful import OTHER, UNKNOWN
from streams.core.policy import CompiledPolicy
from streams.policy.document import UNIT_MS, Condition, Document, Governance, Guard, Sla, Tier
from streams.policy.expressions import any_tier, expand, indexed, literal, names_in, tier_macros
from streams.policy.faults import BadPolicy, Fault
from streams.policy.guarding import Raising
from streams.policy.places import Loader, Places
from streams.policy.quick import quick_answers
from streams.policy.references import reference_faults
from streams.policy.schema import schema_faults
from streams.policy.soundness import detail_faults, expression_faults, row_expression

HOUR_MS = UNIT_MS["h"]
SHARED = ("review_band", "review_confidence", "audit_share", "explore_share", "segment_growth_share", "bulk_persons")


def load_policy(text: str, source: str) -> CompiledPolicy:
    """The compiled policy in a YAML text; `source` names it in errors. Raises BadPolicy with every fault."""
    document, places = read_document(text, source)
    return compile_document(document, places, text, source)


def read_document(text: str, source: str) -> tuple[Document, Places]:
    """The document, valid by its shapes and ranges. Raises BadPolicy."""
    try:
        places, data = Places(text), yaml.load(text, Loader=Loader)
        repeated = list(places.repeated_keys())  # a part that contains itself has no end
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise BadPolicy(source, [_yaml_fault(error)]) from error
    faults = [
        Fault(places.path(loc), places.line(loc), "each name once", f"{key} twice", "Remove one of them.")
        for loc, key in repeated
    ]
    try:
        document = Document.model_validate(data)
    except ValidationError as error:
        raise BadPolicy(source, [*faults, *schema_faults(error, places)]) from error
    if faults:
        raise BadPolicy(source, faults)
    return document, places


def compile_document(document: Document, places: Places, text: str, source: str) -> CompiledPolicy:
    """The compiled policy of a valid document. Raises BadPolicy when its parts do not fit each other."""
    macros = macros_of(document)
    faults = [*reference_faults(document, places), *expression_faults(document, macros, places)]
    if not faults:
        faults += detail_faults(document, places)
    if faults:
        raise BadPolicy(source, faults)
    whens = [tier.when for tier in document.tiers] + [row.when for row in document.conditions]
    expressions = [row_expression(when, macros) for when in whens]
    reads = tuple(dict.fromkeys(name for expression in expressions for name in names_in(expression))) or ("score",)
    joined = _joined(expressions, reads)
    raising = Raising(document, macros)
    rows: list[Tier | Condition] = [*document.tiers, *document.conditions]
    raised = [raising.row(row) or expression for row, expression in zip(rows, expressions, strict=True)]
    also = {name: threshold.value for name, threshold in raising.thresholds.items()}
    return CompiledPolicy(
        version=document.version,
        sha256=sha256(canonical(text).encode()).hexdigest(),
        tiers=tuple(core.TierRow(**row.model_dump()) for row in document.tiers),
        conditions=tuple(
            core.ConditionRow(**row.model_dump(), facts=names_in(expand(row.when, macros, FACT)))
            for row in document.conditions
        ),
        score=_score(document),
        holds=core.HoldRow(**document.holds.model_dump()),
        caps=_caps(document),
        slas={name: _sla(name, sla, document) for name, sla in document.slas.items()},
        calendar=core.CalendarRow(**document.calendar.model_dump()),
        queues={name: core.QueueRow(name, **queue.model_dump()) for name, queue in document.queues.items()},
        sampling=core.SamplingRow(**document.sampling.model_dump()),
        gate=_gate(document),
        learning=_learning(document),
        governance=_governance(document.governance),
        values={**document.values.model_dump(), **_lists(document), "currency": document.currency},
        domains=_domains(document),
        expression=joined,
        answers=quick_answers(joined, expressions, reads),
        reads=reads,
        guard=_guard(document.guard),
        thresholds=tuple(raising.thresholds.values()),
        raised=_joined(raised, (*reads, *also)) if also else "",
        raised_answers=quick_answers(_joined(raised, (*reads, *also)), raised, reads, also) if also else None,
    )


def _joined(expressions: Iterable[str], names: Sequence[str]) -> str:
    """One expression that is the list of all, over `f[i]` for the i-th name."""
    index = {name: at for at, name in enumerate(names)}
    return "[" + ", ".join(indexed(expression, index) for expression in expressions) + "]"


def canonical(text: str) -> str:
    """The text that is hashed: line ends are \\n, no blanks at the ends of lines, one line end at the end."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n"


def macros_of(document: Document) -> dict[str, str]:
    """Everything but facts that an expression may name, with the text that it stands for."""
    shared = {**document.sampling.model_dump(), **document.gate.model_dump()}
    numbers = {**{name: shared[name] for name in SHARED}, **document.values.model_dump()}
    tiers = document.tiers
    return {
        **{name: literal(number) for name, number in numbers.items()},
        **document.terms,
        **tier_macros([(tier.id, tier.when) for tier in tiers]),
        "is_auto_accepted": any_tier(tier.id for tier in tiers if tier.auto_accept),
        "is_suppressed": any_tier(tier.id for tier in tiers if tier.suppress),
    }


def _yaml_fault(error: Exception) -> Fault:
    mark = getattr(error, "problem_mark", None)
    got = str(getattr(error, "problem", None) or type(error).__name__)
    return Fault("the document", mark.line + 1 if mark else 0, "YAML", got, "Mend the text there or just above.")


def _score(document: Document) -> core.ScoreRow:
    score = document.score
    return core.ScoreRow(
        base=float(score.base),
        terms=tuple(core.ScoreTerm(term.feature, term.weight, term.neutral) for term in score.terms),
        engagement_half_life_days=score.engagement_half_life / UNIT_MS["d"],
        publish_step=score.publish_step,
        interval_at_no_evidence=score.interval_at_no_evidence,
        evidence_for_half_width=score.evidence_for_half_width,
        unstated_confidence=score.unstated_confidence,
    )


def _caps(document: Document) -> core.CapRow:
    caps = document.caps
    return core.CapRow(
        caps=tuple(
            core.Cap(cap.id, cap.channel, cap.marketing_only, cap.most, cap.window)
            for cap in caps.touches
            if cap.most is not None
        ),
        gap_ms=caps.gap,
        quiet_from_hour=caps.quiet_from_hour,
        quiet_to_hour=caps.quiet_to_hour,
        expiry_ms=caps.expiry,
    )


def _sla(name: str, sla: Sla, document: Document) -> core.SlaRow:
    defaults, calendar = document.sla_defaults, document.calendar
    amount, _, unit = sla.budget.partition(" ")
    business_day_ms = (calendar.end_hour - calendar.start_hour) * HOUR_MS
    in_business_days = unit.startswith("business")
    return core.SlaRow(
        id=name,
        budget_ms=round(float(amount) * (business_day_ms if in_business_days else UNIT_MS[unit])),
        working_time=in_business_days or (sla.clock or defaults.clock) == "working",
        warn_shares=defaults.warn_at if sla.warn_at is None else sla.warn_at,
        escalate_shares=defaults.escalate_at if sla.escalate_at is None else sla.escalate_at,
        on_timeout=sla.on_timeout,
        also=sla.also,
    )


def _gate(document: Document) -> core.GateRow:
    gate = document.gate
    return core.GateRow(
        segment_growth_share=gate.segment_growth_share,
        bulk_persons=gate.bulk_persons,
        approval_days=gate.approval_lasts // UNIT_MS["d"],
        allow_ms=gate.allow_lasts,
        lawful=dict(_lawful(document)),
    )


def _learning(document: Document) -> core.LearningRow:
    learning = document.learning.model_dump()
    return core.LearningRow(
        horizon_ms=learning.pop("horizon"),
        shadow_ms=learning.pop("shadow"),
        segment_by=learning.pop("segment_by") or "",
        **learning,
    )


def _governance(governance: Governance) -> core.GovernanceRow:
    drift, fairness, stamp = governance.drift, governance.fairness, governance.rubber_stamp
    return core.GovernanceRow(
        groups=governance.groups,
        window_ms=governance.window,
        confidence=governance.confidence,
        least=governance.least,
        clear_ms=governance.clear_after,
        drift_bins=drift.bins,
        drift_psi=drift.psi,
        drift_quantile=drift.quantile,
        drift_least=drift.least,
        drift_reference_ms=drift.reference,
        drift_delta=drift.delta,
        drift_hold_labels=drift.hold_labels,
        fairness_least_ratio=fairness.least_ratio,
        fairness_least=fairness.least,
        fairness_least_share=fairness.least_share,
        fairness_error=fairness.error,
        fairness_window_ms=fairness.window,
        stamp_dwell_ms=stamp.dwell,
        stamp_share=stamp.share,
        distrust=governance.distrust,
        model_rollback=governance.model_rollback,
        policy_rollback=governance.policy_rollback,
        **governance.limits.model_dump(),
    )


def _guard(guard: Guard) -> GuardRow:
    return GuardRow(
        raises=guard.raises,
        starts_at=guard.starts_at,
        full_at=guard.full_at,
        most_points=guard.most_points,
        step=guard.step,
        slack=guard.slack,
        raise_every_ms=guard.raise_every,
        lower_every_ms=guard.lower_every,
        lasts_ms=guard.lasts,
        look_again_ms=guard.look_again,
        never=guard.never,
    )


def _lawful(document: Document) -> Iterator[tuple[str, Mapping[str, tuple[str, ...]]]]:
    """Channel -> bases by country: a country's own row stands over its region's."""
    special = {"other": OTHER, "unknown": UNKNOWN}
    by_country: dict[str, Mapping[str, tuple[str, ...]]] = {}
    by_region: dict[str, Mapping[str, tuple[str, ...]]] = {}
    for place, channels in document.gate.lawful.items():
        bases: Mapping[str, tuple[str, ...]] = {
            special.get(channel, channel): found for channel, found in channels.items()
        }
        if place in document.gate.regions:
            by_region.update(dict.fromkeys(document.gate.regions[place], bases))
        else:
            by_country[special.get(place, place)] = bases
    yield from sorted({**by_region, **by_country}.items())


def _lists(document: Document) -> dict[str, Any]:
    return {name: frozenset(entries) for name, entries in document.lists.model_dump().items()} | {
        "codes": frozenset(document.codes)
    }


def _domains(document: Document) -> dict[str, int]:
    kinds = (
        (core.FREE_MAIL, document.lists.free_mail_domains),
        (core.COMPETITOR, document.lists.competitor_domains),
        (core.STUDENT, document.lists.student_domains),
    )
    domains: dict[str, int] = {}
    for bit, names in kinds:
        for name in names:
            domains[name.lower()] = domains.get(name.lower(), 0) | bit
    return domains
