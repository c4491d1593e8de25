"""The monthly review as one HTML page that a person can read and keep: no scripts, nothing from outside.

Law of this module: pure; it shows what the review says.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from streams.commands.signing import utc
from streams.core.policy import CompiledPolicy
from streams.lab.advice import Suggestion
from streams.lab.rates import Rate
from streams.lab.review import DayFigures, Review
from streams.whatif.charts import Interval, Side, bars, intervals

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
MOST_ROWS = 40  # of one table; the JSON has all
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 150, 50, 10, 20, 22


def page(review: Review, suggestions: Sequence[Suggestion], policy: CompiledPolicy) -> str:
    """The page."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("streams.commands"), PackageLoader("streams.whatif")]),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(rate=rate_text, wait=wait_text, utc=utc, n=lambda count: f"{count:,}")
    year, _, month = review.month.partition("-")
    return environment.get_template("review.html").render(
        r=review, suggestions=suggestions, policy=policy, row=policy.governance, most=MOST_ROWS,
        month=f"{MONTHS[int(month) - 1]} {year}", charts=_charts(review, policy), share=_shares(review),
    )  # fmt: skip


def rate_text(found: Rate) -> str:
    """12.0 % (8.5 to 16.6)."""
    if found.value is None:
        return "none yet"
    return f"{found.value * 100:.1f} % ({found.low * 100:.1f} to {found.high * 100:.1f})"


def wait_text(ms: float | None) -> str:
    """40 s, 12 min, 3.5 h, 2.1 d."""
    if ms is None:
        return ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000)):
        if ms >= size:
            return f"{ms / size:.1f} {unit}" if unit != "min" else f"{ms / size:.0f} min"
    return f"{ms / 1000:.0f} s"


def _shares(review: Review) -> dict[str, str]:
    total = max(sum(review.tiers.values()), 1)
    return {tier: f"{count / total * 100:.1f} %" for tier, count in review.tiers.items()}


def _charts(review: Review, policy: CompiledPolicy) -> dict[str, str]:
    queues = [one for one in review.queues if one.attainment.value is not None]
    kept = Side("kept", [one.attainment.value for one in queues], [f"{one.attainment.value:.0%}" for one in queues])
    ratios = [
        Interval(f"{one.value}, {one.ratio_of}", one.ratio, one.low, one.high, one.verdict == "alarm")
        for one in review.fairness
        if one.ratio is not None
    ]
    least = policy.governance.fairness_least_ratio
    return {
        "queues": bars("Deadlines kept by queue", [one.queue for one in queues], [kept], 1.0) if queues else "",
        "fairness": intervals("Fairness ratios", ratios[:MOST_ROWS], least) if ratios else "",
        "log_loss": line("Log-loss of labels by day", review.days, [day.log_loss for day in review.days]),
        "score": line("Mean score by day", review.days, [day.mean_score for day in review.days]),
    }


def line(title: str, days: Sequence[DayFigures], values: Sequence[float | None]) -> str:
    """A line over the days of a month as inline SVG, with its lowest and highest value; empty for fewer than two."""
    known = [(day.day, value) for day, value in zip(days, values, strict=True) if value is not None]
    if len(known) < 2:
        return ""
    low, high = min(value for _, value in known), max(value for _, value in known)
    first, last = known[0][0], known[-1][0]

    def x(day: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (day - first) / max(last - first, 1)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / ((high - low) or 1.0)

    points = " ".join(f"{x(day):.1f},{y(value):.1f}" for day, value in known)
    marks: list[tuple[float, float, str, str]] = [(LEFT - 6, y(low) + 4, f"{low:.3g}", "end")]
    if high > low:
        marks.append((LEFT - 6, y(high) + 4, f"{high:.3g}", "end"))
    marks += [(x(day), HEIGHT - 4, str(day), "middle") for day in sorted({first, (first + last) // 2, last})]
    texts = "".join(f'<text x="{a:.1f}" y="{b:.1f}" text-anchor="{c}">{escape(t)}</text>' for a, b, t, c in marks)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}">'
        f"<title>{escape(title)}</title>"
        f'<polyline points="{points}" fill="none" stroke="#2b6cb0" stroke-width="2"/>{texts}</svg>'
    )
