"""Queues of people: how full, how old, how late, and what they think of it."""

from __future__ import annotations

from streams.dashboards.board import Board, Choice, Panel, Query, Row, Step, per_minute, stat

MINE = 'queue=~"$queue"'

NOW = Row(
    "Now",
    (
        stat(
            "Open cases",
            "Cases that wait for a person or are worked on, in the chosen queues.",
            "short",
            f"sum(leadlane_queue_open{{{MINE}}})",
            width=6,
        ),
        stat(
            "Queues over capacity",
            "Queues with more open cases than the people who are there can hold. See the roster first, then let others"
            " help.",
            "short",
            f"count(leadlane_queue_open{{{MINE}}} > leadlane_queue_capacity) or vector(0)",
            Step(0.5, "orange"),
            base="green",
            width=6,
        ),
        stat(
            "Oldest case",
            "How long the oldest open case has been open. Open it: somebody forgot it, or nobody is there for it.",
            "s",
            f"max(leadlane_queue_oldest_seconds{{{MINE}}})",
            width=6,
        ),
        stat(
            "Deadlines missed",
            "In the chosen time. Each is a lead that waited longer than promised.",
            "short",
            f'sum(increase(leadlane_cases_due_total{{{MINE}, result="late"}}[$__range]))',
            Step(0.5, "orange"),
            base="green",
            width=6,
            decimals=0,
            empty="none yet",
        ),
    ),
)

LOAD = Row(
    "How full",
    (
        Panel(
            "Load of each queue",
            "Open cases as a share of what the people who are there can hold. Above 1 the guard lets fewer leads"
            " through: who is missing in the roster?",
            "percentunit",
            (Query(f"leadlane_queue_open{{{MINE}}} / (leadlane_queue_capacity > 0)", "{{queue}}"),),
            "bars",
            base="green",
            steps=(Step(0.8, "orange"), Step(1.0, "red")),
            most=1.5,
        ),
        Panel(
            "Open cases",
            "A queue that only grows gets more than it closes: people, or thresholds.",
            "short",
            (Query(f"leadlane_queue_open{{{MINE}}}", "{{queue}}"),),
        ),
        Panel(
            "Points that the guard adds to thresholds",
            "Above 0 leads are held back because the queue is full; they stay automatic and come again when there is"
            " room. If it stays up for days, change the policy for good.",
            "short",
            (Query(f"leadlane_guard_points{{{MINE}}}", "{{queue}}"),),
        ),
        Panel(
            "Cases opened",
            "A minute. What opens most is named by `leadlane review`.",
            "short",
            (Query(per_minute("leadlane_cases_opened_total", "queue", MINE), "{{queue}}"),),
            "stacked",
        ),
        Panel(
            "Cases closed, by how",
            "A minute, all queues. More opened than closed fills the queues.",
            "short",
            (Query(per_minute("leadlane_cases_closed_total", "end"), "{{end}}"),),
            "stacked",
        ),
        Panel(
            "Age of the oldest case",
            "A line that climbs steadily is one case that nobody takes. In overflow, nobody is left to take it.",
            "s",
            (Query(f"leadlane_queue_oldest_seconds{{{MINE}}}", "{{queue}}"),),
        ),
    ),
)

SPEED = Row(
    "How quick",
    (
        Panel(
            "Burn of missed deadlines",
            "How fast each queue spends the deadlines that it may miss: 1 is exactly the allowance. From 6 on somebody"
            " is paged.",
            "none",
            (Query(f"queue:leadlane_deadlines_burn:rate1h{{{MINE}}}", "{{queue}}"),),
            base="green",
            steps=(Step(1.0, "yellow"), Step(6.0, "orange"), Step(14.4, "red")),
        ),
        Panel(
            "Deadlines met and missed",
            "A minute. Missed ones count when the deadline passes, whether or not anybody closes the case.",
            "short",
            (Query(per_minute("leadlane_cases_due_total", "result", MINE), "{{result}}"),),
            "stacked",
        ),
        Panel(
            "First response, median by queue",
            "Over the policy's window, wall time. Compare with what the policy promises for the queue.",
            "s",
            (Query(f"leadlane_first_response_seconds{{{MINE}}}", "{{queue}}"),),
            "bars",
        ),
    ),
)

WORTH = Row(
    "Worth it",
    (
        Panel(
            "Acceptance, by reason",
            "How often people approve what a condition sent to them, the ten lowest. A reason that they nearly always"
            " reject costs them time: change its condition, and see with `leadlane replay --policy` what that does.",
            "percentunit",
            (Query('bottomk(10, leadlane_kpi_share{kpi="acceptance_by_reason", bound="value"})', "{{of}}"),),
            "bars",
            most=1.0,
            width=12,
        ),
        Panel(
            "Acceptance, by tier",
            "Approved, of approved, rejected and expired.",
            "percentunit",
            (Query('leadlane_kpi_share{kpi="acceptance", of!="", bound="value"}', "{{of}}"),),
            "bars",
            most=1.0,
            width=12,
        ),
    ),
)

QUEUES = Board(
    "leadlane-queues",
    "Leadlane: queues of people",
    "How full the queues are, how quick people answer, and whether what reaches them is worth their time: for RevOps.",
    (NOW, LOAD, SPEED, WORTH),
    (Choice("queue", "Queue", "leadlane_queue_open"),),
)
