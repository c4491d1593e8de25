"""The monthly review as one HTML page that a person can read and keep.

Law of this module: pure; it shows what the review says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from streams.commands.signing import utc
from streams.core.policy import CompiledPolicy, GovernanceRow
from streams.lab.advice import Suggestion
from streams.lab.fairness import Finding
from streams.lab.rates import Rate
from streams.lab.review import Review, Wrong
from streams.report import Plot, Section, Table
from streams.report import page as html_page
from streams.report.plots import bars, lines
from streams.whatif.charts import Interval, intervals

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
MOST_ROWS = 40  # of one table; the JSON has all


def page(review: Review, suggestions: Sequence[Suggestion], policy: CompiledPolicy) -> str:
    """The page."""
    year, _, month = review.month.partition("-")
    name = f"{MONTHS[int(month) - 1]} {year}"
    gone = ", ".join(review.cut)
    if review.is_empty:
        why = [
            f"Nothing was recorded in {name}: no decision, no case, no review, no label. Either nothing ran, or it is"
            " older than what the topics keep."
        ]
        if review.cut:
            why.append(f"The beginning is no longer kept on {gone}.")
        return html_page(f"Review of {name}", [Section("Nothing", why)])
    about = (
        f"{review.decisions:,} decisions from {utc(review.start)} to {utc(review.end)}, by the targets of policy"
        f" {policy.version}; intervals are {policy.governance.confidence * 100:g} % intervals"
    )
    if review.erased:
        about += f". {review.erased:,} leads were erased; what was decided of them before that is counted"
    if review.cut:
        about += f". Only a part of the month is still kept on {gone}: figures from there are of that part"
    return html_page(f"Review of {name}", list(_sections(review, suggestions, policy.governance)), f"{about}.")


def _sections(review: Review, suggestions: Sequence[Suggestion], row: GovernanceRow) -> Iterator[Section]:
    yield _what_to_change(suggestions)
    yield _kpis(review)
    yield _errors(review)
    yield _overrides(review)
    yield _conditions(review, row)
    yield _queues(review)
    yield _fairness(review, row)
    yield _drift(review)
    yield _reviewers(review, row)
    yield _alarms(review)
    yield _versions(review)


def _what_to_change(suggestions: Sequence[Suggestion]) -> Section:
    if not suggestions:
        return Section("What to change", ["The figures suggest nothing."])
    said = (
        "Suggestions, no more: `leadlane replay --policy NEW.yaml` shows what a change would have done to this month."
    )
    return Section("What to change", [said], [Table(("what", "the figures", "where"), suggestions)])


def _kpis(review: Review) -> Section:
    met = {True: "met", False: "missed", None: ""}
    rows = [(kpi.name, rate_text(kpi.found), kpi.found.n, kpi.target, met[kpi.met]) for kpi in review.kpis]
    sends = review.wrong_sends
    wrong = (
        ("Sends without an authorising decision", sends["unauthorised"]), ("Sends during a hold", sends["on_hold"]),
    )  # fmt: skip
    shown: list[tuple[str | int, ...]] = [*rows, *((name, f"{n:,}", "", "0", met[n == 0]) for name, n in wrong)]
    total = max(sum(review.tiers.values()), 1)
    tiers = [(tier, count, f"{count / total:.1%}") for tier, count in review.tiers.items()]
    unasked = f"{sends['unasked']:,} sends named no request: nobody can say what allowed them."
    return Section(
        "KPIs",
        [unasked] if sends["unasked"] else [],
        [
            Table(("KPI", "this month", "of", "target", ""), shown),
            Table(("decisions by tier", "decisions", "share"), tiers),
        ],
    )


def _errors(review: Review) -> Section:
    outcomes = ", ".join(f"{count:,} {name}" for name, count in review.outcomes.items()) or "none"
    said = [f"By labels of the month. Outcomes that came in: {outcomes}; {review.corrections:,} corrected others."]
    tables = []
    if review.false_positives:
        tables.append(_wrong("Worked, and no good", "why", review.false_positives))
    else:
        said.append("No lead that was worked is known to be no good.")
    if review.false_negatives:
        tables.append(_wrong("Not worked, and good", "what became of them", review.false_negatives))
    else:
        said.append("No lead that was not worked is known to be good.")
    return Section("False positives and negatives", said, tables)


def _wrong(caption: str, why: str, wrong: Sequence[Wrong]) -> Table:
    return Table(("tier", why, "leads", "of labelled"), wrong[:MOST_ROWS], _more(caption, wrong))


def _overrides(review: Review) -> Section:
    said = []
    if not review.flows:
        said.append("Nobody overrode a tier.")
    if review.rejections:
        said.append("Rejected: " + ", ".join(f"{count:,} {code}" for code, count in review.rejections.items()) + ".")
    rows = [(flow.condition, flow.before, flow.after, flow.code, count) for flow, count in review.flows[:MOST_ROWS]]
    header = ("case of", "from", "to", "because", "cases")
    tables = [Table(header, rows, _more("Overridden", review.flows))] if rows else []
    return Section("What the overrides say", said, tables)


def _conditions(review: Review, row: GovernanceRow) -> Section:
    said = [
        f"A condition changes nothing when at least {row.agree_share * 100:g} % of its decided cases, {row.least} or"
        " more, were approved as they were. A case of several conditions counts for each."
    ]
    never = [f"{one.condition} {one.code}" for one in review.conditions if one.never]
    if never:
        said.append(f"Never found this month: {', '.join(never)}.")
    rows = [
        (one.condition if one.code == one.condition else f"{one.condition} {one.code}",
         "changes nothing" if one.without_effect else "", one.decisions, one.cases, rate_text(one.agree), one.rejected,
         one.overridden, one.undecided)
        for one in review.conditions
        if not one.never
    ]  # fmt: skip
    header = ("condition", "", "decisions", "cases", "approved as it was", "rejected", "overridden", "undecided")
    return Section("Conditions, and which of them change nothing", said, [Table(header, rows)] if rows else [])


def _queues(review: Review) -> Section:
    if not review.queues:
        return Section("Deadlines by queue", ["No case was taken or closed."])
    rows = [
        (one.queue, rate_text(one.attainment), one.attainment.n, wait_text(one.median_ms), wait_text(one.slowest_ms))
        for one in review.queues
    ]
    kept = [(one.queue, one.attainment.value * 100) for one in review.queues if one.attainment.value is not None]
    plots = []
    if kept:
        drawn = bars([queue for queue, _ in kept], {"kept": [share for _, share in kept]}, "deadlines kept, %")
        plots.append(Plot("Deadlines kept by queue", drawn))
    header = ("queue", "kept", "of", "median to the first touch", "nine of ten within")
    return Section("Deadlines by queue", [], [Table(header, rows)], plots)


def _fairness(review: Review, row: GovernanceRow) -> Section:
    if not review.groups:
        return Section("Fairness", ["The policy names no group (governance.groups): nothing was measured."])
    if not review.fairness:
        return Section("Fairness", [f"No lead declared {' or '.join(review.groups)}."])
    said = (
        "Each ratio compares with the value that fares best; 1 is equal. selection: worked, of all decided. missed:"
        " good leads that were not worked. wait: median time to the first touch of a case. An alarm is below"
        f" {row.fairness_least_ratio:g}, with n of at least {row.fairness_least} and"
        f" {row.fairness_least_share * 100:g} % of the leads, an interval below 1, and beyond chance for as many pairs"
        " as were compared; watch is low, but may be chance."
    )
    ratios = [
        Interval(f"{one.value}, {one.ratio_of}", one.ratio, one.low, one.high, one.verdict == "alarm")
        for one in review.fairness
        if one.ratio is not None
    ]
    drawn = intervals("Fairness ratios", ratios[:MOST_ROWS], row.fairness_least_ratio)
    plots = [Plot("Ratios with their intervals; alarms are red", drawn)] if ratios else []
    header = ("group", "value", "ratio", "verdict", "n", "share", "own", "against", "ratio", "interval")
    return Section("Fairness", [said], [Table(header, [_finding(one) for one in review.fairness])], plots)


def _finding(one: Finding) -> tuple[str | int | float, ...]:
    own = "" if one.rate is None else wait_text(one.rate) if one.ratio_of == "wait" else f"{one.rate:.1%}"
    interval = "" if one.low is None else f"{one.low:.2f} to {one.high:.2f}"
    ratio = "" if one.ratio is None else f"{one.ratio:.2f}"
    return one.group, one.value, one.ratio_of, one.verdict, one.n, f"{one.share:.1%}", own, one.against, ratio, interval


def _drift(review: Review) -> Section:
    shift = review.drift
    if shift.n:
        said = (
            f"Scores of the last week against the first: PSI {shift.psi:.3f}, limit {shift.threshold:.3f}"
            f" ({shift.n:,} against {shift.reference:,}): {'moved' if shift.drifts else 'not moved beyond chance'}."
            " A model that learns moves its scores by itself; the alarms allow for that."
        )
    else:
        said = "Fewer than two weeks of scores: nothing to compare."
    plots = []
    for caption, what, values in (
        ("Mean score by day", "score", [day.mean_score for day in review.days]),
        ("Log-loss of the labels that came each day", "log-loss", [day.log_loss for day in review.days]),
    ):
        if sum(value is not None for value in values) > 1:
            days = [float(day.day) for day in review.days]
            plots.append(Plot(caption, lines(days, {what: values}, "day of the month", what)))
    return Section("Drift", [said], plots=plots)


def _reviewers(review: Review, row: GovernanceRow) -> Section:
    if not review.reviewers:
        return Section("Reviewers", ["Nobody decided a case."])
    said = f"Unread: approved within {wait_text(row.stamp_dwell_ms)} with no evidence opened."
    rows = [
        (one.actor, rate_text(one.unread), one.unread.n, rate_text(one.agree), rate_text(one.opened),
         wait_text(one.dwell_ms), rate_text(one.audits), one.audits.n)
        for one in review.reviewers[:MOST_ROWS]
    ]  # fmt: skip
    header = (
        "reviewer", "approved unread", "decisions", "agreed", "opened evidence", "median dwell",
        "agreed with automation, blind", "of",
    )  # fmt: skip
    return Section("Reviewers", [said], [Table(header, rows, _more("", review.reviewers))])


def _alarms(review: Review) -> Section:
    if not review.alarms:
        return Section("Alarms", ["None went on or off."])
    rows = [(utc(one.at), one.what, "on" if one.on else "over", one.detail) for one in review.alarms[:MOST_ROWS]]
    return Section("Alarms", [], [Table(("when", "alarm", "", "detail"), rows, _more("", review.alarms))])


def _versions(review: Review) -> Section:
    named = [("policy", one) for one in review.policies.values()]
    named += [("the policy's own score" if name == "rules" else "model", one) for name, one in review.models.items()]
    rows = [(what, one.first, one.last, utc(one.first_at), utc(one.last_at), one.decisions) for what, one in named]
    tables = [Table(("", "first", "last", "decided from", "to", "decisions"), rows)]
    if review.changes:
        changes = [(utc(one.at), one.actor, one.what, one.detail) for one in review.changes[:MOST_ROWS]]
        tables.append(Table(("when", "who", "what", ""), changes, _more("Changes", review.changes)))
    return Section("Versions in force", [], tables)


def _more(caption: str, rows: Sequence[object]) -> str:
    """The caption, and how many rows are not shown."""
    if len(rows) <= MOST_ROWS:
        return caption
    return f"{caption} (the first {MOST_ROWS} of {len(rows):,}; the JSON has all)".strip()


def rate_text(found: Rate) -> str:
    """12.0 % (8.5 to 16.6)."""
    if found.value is None:
        return "none yet"
    return f"{found.value * 100:.1f} % ({found.low * 100:.1f} to {found.high * 100:.1f})"


def wait_text(ms: float | None) -> str:
    """40 s, 12 min, 3.5 h, 2.1 d."""
    if ms is None:
        return ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000)):
        if ms >= size:
            return f"{ms / size:.1f} {unit}"
    return f"{ms / 60_000:.0f} min" if ms >= 60_000 else f"{ms / 1000:.0f} s"
