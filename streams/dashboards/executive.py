"""How the whole is doing: automation, speed, deadlines, acceptance, lift."""

from __future__ import annotations

from streams.dashboards.board import (
    BOUNDS,
    Board,
    Panel,
    Query,
    Row,
    Step,
    deadlines_objective,
    kpi,
    per_minute,
    quantile,
    stat,
    target,
    with_interval,
)

OBJECTIVE = deadlines_objective()
LIFT = 'leadlane_model_quality{measure="line_lift_at_10%s"}'

NOW = Row(
    "Now",
    (
        stat(
            "Automation share",
            "Leads that were routed without a person having to look first, over the policy's window. Far below the"
            " policy's target, people drown: open the queues' dashboard and see which condition opens most cases. Far"
            " above it, ask whether leads that matter still reach a person.",
            "percentunit",
            kpi("automation"),
            decimals=1,
        ),
        stat(
            "First response, median",
            "From the opening of a case to somebody taking it, wall time, over the last hour. It is what a lead feels."
            " If it climbs, look at the queues: who is there, and what is oldest?",
            "s",
            "leadlane:first_response_seconds:p50_1h",
            empty="nobody took a case",
        ),
        stat(
            "Deadlines met",
            "Closed cases that were taken in time, over the policy's window. Below the objective people wait longer"
            " than promised: see which queue, then change the roster or the promise.",
            "percentunit",
            kpi("sla_attainment"),
            Step(OBJECTIVE - 0.05, "orange"),
            Step(OBJECTIVE, "green"),
            base="red",
            decimals=1,
        ),
        stat(
            "Acceptance",
            "Cases that people approved, of those that they approved, rejected, or let expire. When it falls, people"
            " are sent leads that they do not want: read the reasons on the queues' dashboard.",
            "percentunit",
            kpi("acceptance"),
            decimals=1,
        ),
        stat(
            "Lift, best tenth",
            "How many times more outcomes the best-scored tenth brings than the average lead, on labels that came after"
            " the score. 1 is chance. Below 1.5 the score hardly helps: see the model's dashboard before anybody"
            " promotes it.",
            "none",
            LIFT % "",
            Step(1.0, "orange"),
            Step(1.5, "green"),
            base="red",
            decimals=2,
            empty="too few labels",
        ),
        stat(
            "Wrong sends",
            "Marketing sends that nothing allowed, or to leads on hold, in the chosen time. The target is 0, always."
            " Otherwise open the compliance dashboard, find the sender and stop it.",
            "short",
            'sum(increase(leadlane_wrong_sends_total{fault=~"unauthorised|on_hold"}[$__range]))',
            Step(0.5, "red"),
            base="green",
            decimals=0,
        ),
    ),
)

TRENDS = Row(
    "Where it goes",
    (
        Panel(
            "Automation share",
            "With its interval, and the policy's target. Act when the whole interval has left the target.",
            "percentunit",
            (*with_interval("automation"), target("automation")),
            least=None,
            most=1.0,
            dashed=BOUNDS,
        ),
        Panel(
            "Speed to first response",
            "Half of the cases, and nine of ten, are taken within so long. A ninth decile that runs away from the"
            " median means that some cases are forgotten: look at the oldest of each queue.",
            "s",
            (
                Query(quantile(0.5, "leadlane_case_wait_seconds"), "median"),
                Query(quantile(0.9, "leadlane_case_wait_seconds"), "nine of ten"),
            ),
        ),
        Panel(
            "Deadlines met, by queue",
            "Over the policy's window. The lowest queue is where to put people first.",
            "percentunit",
            (Query('leadlane_kpi_share{kpi="sla_attainment", of!="", bound="value"}', "{{of}}"),),
            "bars",
            base="red",
            steps=(Step(OBJECTIVE - 0.05, "orange"), Step(OBJECTIVE, "green")),
            most=1.0,
        ),
        Panel(
            "Leads routed, by tier",
            "Routes a minute. A tier that suddenly grows or dries up is a source that changed, or a policy: compare"
            " with the versions on the lanes' dashboard.",
            "short",
            (Query(per_minute("leadlane_routed_total", "tier"), "{{tier}}"),),
            "stacked",
        ),
        Panel(
            "Acceptance, by tier",
            "If people reject what the highest tier sends them, raise its threshold; if they accept nearly all of a"
            " lower one, it may go without them. `leadlane review` has the figures for the decision.",
            "percentunit",
            (Query('leadlane_kpi_share{kpi="acceptance", of!="", bound="value"}', "{{of}}"),),
            "bars",
            most=1.0,
        ),
        Panel(
            "Lift of the best tenth",
            "With its bootstrap interval. As long as the interval reaches down to 1, wait for more labels.",
            "none",
            (Query(LIFT % "", "measured"), Query(LIFT % "_low", "low"), Query(LIFT % "_high", "high")),
            least=None,
            dashed=BOUNDS,
        ),
        Panel(
            "What became of what came in",
            "Events and timers a second by outcome. `dead` should be nothing: open the lanes' dashboard.",
            "ops",
            (Query("sum by (outcome) (rate(leadlane_events_total[$__rate_interval]))", "{{outcome}}"),),
            "stacked",
            width=12,
        ),
        Panel(
            "Cases closed, by how",
            "A minute. Many `withdrawn` or `superseded`: cases are opened too early. Many `expired`: nobody decides.",
            "short",
            (Query(per_minute("leadlane_cases_closed_total", "end"), "{{end}}"),),
            "stacked",
            width=12,
        ),
    ),
)

EXECUTIVE = Board(
    "leadlane-executive",
    "Leadlane: how we are doing",
    "Automation share, speed to first response, deadlines, acceptance and lift, for whoever answers for them.",
    (NOW, TRENDS),
)
