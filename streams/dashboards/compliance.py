"""Compliance: what must never happen, what must be quick, and who looks."""

from __future__ import annotations

from streams.dashboards.board import (
    BOUNDS,
    HOUR,
    MINUTE,
    Board,
    Panel,
    Query,
    Row,
    Step,
    per_minute,
    quantile,
    stat,
    target,
    with_interval,
)

OPT_OUT = "leadlane_opt_out_seconds"
WITHIN = f'increase({OPT_OUT}_bucket{{le="300.0"}}[$__range])'

NOW = Row(
    "What must never happen",
    (
        stat(
            "Sends that nothing allowed",
            "Automated marketing sends without a valid verdict, in the chosen time. Find the sender by `ce_source` on"
            " signals.activity and stop it; the switch `automation` stops all.",
            "short",
            'sum(increase(leadlane_wrong_sends_total{fault="unauthorised"}[$__range]))',
            Step(0.5, "red"),
            base="green",
            decimals=0,
            width=6,
        ),
        stat(
            "Sends to leads on hold",
            "In the chosen time. A platform does not obey cadences.commands, or too late: stop it until it does.",
            "short",
            'sum(increase(leadlane_wrong_sends_total{fault="on_hold"}[$__range]))',
            Step(0.5, "red"),
            base="green",
            decimals=0,
            width=6,
        ),
        stat(
            "Opt-outs slower than 5 minutes",
            "From an opt-out's arrival to the stop of its cadences, in the chosen time. Look at the lag at that time.",
            "short",
            f"sum(increase({OPT_OUT}_count[$__range])) - sum({WITHIN})",
            Step(0.5, "red"),
            base="green",
            decimals=0,
            width=6,
        ),
        stat(
            "Opt-out, 99 of 100",
            "So long it took at most for ninety-nine of a hundred opt-outs of the last hour.",
            "s",
            "leadlane:opt_out_seconds:p99_1h",
            Step(5 * MINUTE, "orange"),
            Step(HOUR, "red"),
            base="green",
            width=6,
            empty="no opt-out",
        ),
    ),
)

SENDS = Row(
    "Sends and orders",
    (
        Panel(
            "Wrong sends, by fault",
            "A minute. `unasked` names no request and cannot be held to an answer: have that platform ask.",
            "short",
            (Query(per_minute("leadlane_wrong_sends_total", "fault"), "{{fault}}"),),
            "stacked",
        ),
        Panel(
            "Answers to outreach",
            "A minute. Many `deny`: a campaign aims at people that it may not reach. Many `review`: approve its content"
            " once instead of case by case.",
            "short",
            (Query(per_minute("leadlane_verdicts_total", "verdict"), "{{verdict}}"),),
            "stacked",
        ),
        Panel(
            "Orders to the cadences",
            "A minute. What the platforms must obey.",
            "short",
            (Query(per_minute("leadlane_cadence_commands_total", "command"), "{{command}}"),),
            "stacked",
        ),
        Panel(
            "Opt-outs to their stop",
            "Half, and 99 of 100, within so long. Five minutes is the promise, an hour an incident.",
            "s",
            (Query(quantile(0.5, OPT_OUT), "half"), Query(quantile(0.99, OPT_OUT), "99 of 100")),
            base="green",
            steps=(Step(5 * MINUTE, "orange"), Step(HOUR, "red")),
        ),
        Panel(
            "Holds set and lifted",
            "A minute. Far more lifted than set at once: was something imported that lifts them?",
            "short",
            (Query(per_minute("leadlane_holds_total", "change"), "{{change}}"),),
        ),
        Panel(
            "Wrong sends of the policy's window",
            "As governance counts them; the lab goes back from the latest change when the policy says so.",
            "short",
            (Query("leadlane_kpi_wrong_sends", "{{fault}}"),),
            "bars",
            base="green",
            steps=(Step(0.5, "red"),),
        ),
    ),
)

PEOPLE = Row(
    "Who looks",
    (
        Panel(
            "Approved unread, by reviewer",
            "Decisions that were approved at once without opening any evidence, the ten highest. Talk first: it is what"
            " the desk measured, no more.",
            "percentunit",
            (Query("topk(10, leadlane_rubber_stamp_share)", "{{rep}}"),),
            "bars",
            base="green",
            steps=(Step(0.3, "orange"), Step(0.5, "red")),
            most=1.0,
        ),
        Panel(
            "The compliance queue",
            "Open cases that wait for a person of compliance. What nobody decides in time is denied, and somebody's"
            " outreach stands.",
            "short",
            (Query('leadlane_queue_open{queue="compliance"}', "open"),),
        ),
        Panel(
            "Override rate",
            "Decisions against automation. A rate near zero may mean that nobody looks.",
            "percentunit",
            (*with_interval("override"), target("override")),
            dashed=BOUNDS,
        ),
    ),
)

ERASURE = Row(
    "Erasure",
    (
        Panel(
            "Erasure requests",
            "In five minutes, by what became of them. `dead` was not done: the lead is still there, so act on the day.",
            "short",
            (
                Query(
                    'sum by (outcome) (increase(leadlane_events_total{topic="privacy.requests"}[5m]))',
                    "{{outcome}}",
                ),
            ),
            "stacked",
        ),
        Panel(
            "Receipts of erasures",
            "In five minutes. One for each request that was done; keep them with the requests.",
            "short",
            (Query('sum(increase(leadlane_outputs_total{topic="privacy.receipts"}[5m]))', "receipts"),),
            "stacked",
            empty="no erasure",
        ),
        Panel(
            "Events of erased leads",
            "A minute. They change nothing. Many for long: a platform has not forgotten the lead; tell it.",
            "short",
            (Query(per_minute("leadlane_events_total", "topic", 'outcome="erased"'), "{{topic}}"),),
            "stacked",
            empty="none",
        ),
    ),
)

COMPLIANCE = Board(
    "leadlane-compliance",
    "Leadlane: compliance",
    "Sends that nobody allowed, opt-outs, holds, and whether reviewers look: for compliance.",
    (NOW, SENDS, PEOPLE, ERASURE),
)
