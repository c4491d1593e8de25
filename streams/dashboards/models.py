"""Models and fairness: is the score any good, still good, and good to everybody?"""

from __future__ import annotations

from streams.dashboards.board import BOUNDS, Board, Panel, Query, Row, Step, stat, target, with_interval

QUALITY = 'leadlane_model_quality{measure="line_%s"}'
AGE = 'time() - leadlane_lab_model_published_seconds{job="lab"}'


def measured(name: str) -> tuple[Query, ...]:
    """A figure of the newest matured labels with the bounds of its bootstrap interval."""
    ends = (("", "measured"), ("_low", "low"), ("_high", "high"))
    return tuple(Query(QUALITY % f"{name}{end}", legend) for end, legend in ends)


NOW = Row(
    "Now",
    (
        stat(
            "Examples learned",
            "Outcomes that the line has learned from, corrections among them. If it stands still while outcomes come,"
            " see the runbook: the lab learns nothing new.",
            "short",
            'leadlane_lab_examples{job="lab"}',
        ),
        stat(
            "Age of the newest version",
            "Since the line published last. Without outcomes it may be old; with outcomes, hours mean that something"
            " refuses its versions: the lab's log says what.",
            "s",
            AGE,
            Step(3600, "orange"),
            Step(7200, "red"),
            base="green",
        ),
        stat(
            "AUC",
            "Whether a good lead is scored above a bad one: 0.5 is chance. Measured before the line learned each"
            " label.",
            "none",
            QUALITY % "auc",
            Step(0.55, "orange"),
            Step(0.65, "green"),
            base="red",
            decimals=3,
            empty="too few labels",
        ),
        stat(
            "Calibration error",
            "How far probabilities are from what happens. The policy's gates let no version decide above their limit:"
            " `leadlane model show online`.",
            "percentunit",
            QUALITY % "ece",
            decimals=1,
            empty="too few labels",
        ),
        stat(
            "Alarms of governance",
            "On now, all kinds. `leadlane alarm list` says what was measured against which limit.",
            "short",
            "sum(leadlane_alarms)",
            Step(0.5, "red"),
            base="green",
        ),
        stat(
            "Went back by itself",
            "How often the lab undid a change of model or policy in the chosen time. Find out why, then acknowledge.",
            "short",
            "sum(increase(leadlane_lab_rollbacks_total[$__range]))",
            Step(0.5, "red"),
            base="green",
            decimals=0,
        ),
    ),
)

QUALITY_ROW = Row(
    "Is it any good?",
    (
        Panel(
            "Lift of the best tenth",
            "1 is chance. Promote only when the whole interval is above, and above the champion's.",
            "none",
            measured("lift_at_10"),
            least=None,
            dashed=BOUNDS,
        ),
        Panel(
            "AUC",
            "A fall over days is drift; a jump up is a feature that gives the answer away: `leadlane alarm list`,"
            " leak.",
            "none",
            measured("auc"),
            least=None,
            dashed=BOUNDS,
        ),
        Panel(
            "Precision of the best tenth",
            "Good leads among those that the line would send to people first: what the reps feel.",
            "percentunit",
            measured("precision_at_10"),
            least=None,
            dashed=BOUNDS,
        ),
        Panel(
            "Log-loss",
            "Of the line, and of whatever decided the newest labels. When what decides gets worse by more than the"
            " policy allows, the lab goes back by itself.",
            "none",
            (*measured("log_loss"), Query('leadlane_model_quality{measure="log_loss"}', "what decides")),
            least=None,
            dashed=BOUNDS,
        ),
        Panel(
            "Wrongly accepted, wrongly suppressed",
            "Bad leads that automation accepted, and good ones among those that it suppressed (from the explore and"
            " audit samples), by label. Suppressed good leads are lost: lower `nurture_score` when it is above the"
            " policy's limit.",
            "percentunit",
            (
                Query('leadlane_kpi_share{kpi="false_accept", of="", bound="value"}', "accepted, bad"),
                Query('leadlane_kpi_share{kpi="false_suppress", of="", bound="value"}', "suppressed, good"),
                Query('leadlane_kpi_target{kpi="false_suppress"}', "limit"),
            ),
            dashed=BOUNDS,
        ),
        Panel(
            "Override rate",
            "Decisions in which people put a lead into another tier. Above the limit they do not trust the score: talk"
            " to them before you tune it.",
            "percentunit",
            (*with_interval("override"), target("override")),
            dashed=BOUNDS,
        ),
    ),
)

STEADY = Row(
    "Is it still the same, and fair?",
    (
        Panel(
            "Drift of scores",
            "Population stability index against the limit, which also knows how few leads there are. Above it: which"
            " source changed?",
            "none",
            (
                Query('leadlane_drift_psi{bound="value"}', "measured"),
                Query('leadlane_drift_psi{bound="limit"}', "limit"),
            ),
            dashed=BOUNDS,
        ),
        Panel(
            "Fairness",
            "The lowest ratios of declared groups against the one that fares best: selection, missed, wait. Below the"
            " policy's ratio and beyond chance it is an alarm. Only groups that the policy declares and that are large"
            " enough are shown.",
            "none",
            (Query("bottomk(9, leadlane_fairness_ratio)", "{{group}} {{value}} {{ratio}}"), target("fairness")),
            "bars",
            most=1.0,
            empty="no declared group is large enough",
        ),
        Panel(
            "Alarms of governance, by kind",
            "1 or more: on. Kinds in the policy's `distrust` also send leads that matter to a person.",
            "short",
            (Query("leadlane_alarms", "{{kind}}"),),
            "bars",
            base="green",
            steps=(Step(0.5, "red"),),
            most=3.0,
        ),
    ),
)

LAB = Row(
    "The lab itself",
    (
        Panel(
            "Records that the lab reads",
            "A second. Left out ones cannot be read; the log names them, report them.",
            "ops",
            (Query("sum by (outcome) (rate(leadlane_lab_records_total[$__rate_interval]))", "{{outcome}}"),),
        ),
        Panel(
            "Records not read yet",
            "What governance and model say is older by as much.",
            "short",
            (Query("leadlane_lab_lag_records", "{{topic}}"),),
        ),
        Panel(
            "Versions published",
            "In five minutes. None while outcomes come: see the lab's log.",
            "short",
            (Query('increase(leadlane_lab_snapshots_total{job="lab"}[5m])', "versions"),),
        ),
    ),
)

MODELS = Board(
    "leadlane-models",
    "Leadlane: model and fairness",
    "Whether the score is good, still good, and good to everybody: for whoever answers for the model.",
    (NOW, QUALITY_ROW, STEADY, LAB),
)
