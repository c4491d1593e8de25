"""The report of a backtest, for people who decide whether to trust the learner."""

from __future__ import annotations

from streams.lab.backtest import Chunk, History
from streams.lab.progress import Figure, Figures
from streams.report import Plot, Section, Table, page, plots

RESAMPLES = 200
MEASURES = (
    ("auc", "ROC-AUC", "1 ranks every positive above every negative, 0.5 is chance"),
    ("lift_at_10", "Lift in the best tenth", "how many times more positives than in all rows"),
    ("precision_at_10", "Positives in the best tenth", "share"),
    ("log_loss", "Log-loss", "less is better; surprise at what came"),
    ("ece", "Calibration error", "mean gap between predicted and come, ten bins of equal width"),
)


def report(history: History, name: str, delay: int, label: str) -> str:
    """One HTML page."""
    halves = [history.figures(first, resamples=RESAMPLES) for first in (history.half(), 0)]
    subtitle = (
        f"{len(history.labels):,} rows in their order, each predicted before its label ({label}) was learned, "
        f"{delay:,} rows later."
    )
    sections = [_summary(history, halves), _second_half(history), _over_time(history.chunks()), _left_out(history)]
    return page(f"Backtest of {name}", [section for section in sections if section is not None], subtitle)


def _summary(history: History, halves: list[Figures]) -> Section:
    rows: list[list[str | int | float]] = [
        ["Rows judged", *(figures.rows for figures in halves), "predicted, and the label came"],
        ["Positives", *(figures.positives for figures in halves), "label is positive"],
    ]
    rows += [
        [title, *(_shown(getattr(figures, field)) for figures in halves), meaning] for field, title, meaning in MEASURES
    ]
    speed = [round(history.rows_per_second(first)) for first in (history.half(), 0)]
    rows.append(["Rows per second", *speed, "read, predicted, learned"])
    text = [
        "Intervals are 95 %, by bootstrap. The second half is the fairer judge: by then the learner knew something."
    ]
    if history.unlabelled:
        text.append(f"{history.unlabelled:,} rows have no label: predicted, never learned, not judged.")
    if history.faults:
        text.append(f"{len(history.faults):,} rows could not be read and were left out. First: {history.faults[0]}")
    return Section("How good the predictions were", text, [Table(["", "Second half", "All rows", "Meaning"], rows)])


def _second_half(history: History) -> Section | None:
    first = history.half()
    pairs = zip(history.probabilities[first:], history.labels[first:], strict=True)
    judged = [(probability, label == 1) for probability, label in pairs if label >= 0]
    if not judged:
        return None
    probabilities, labels = [row[0] for row in judged], [row[1] for row in judged]
    return Section(
        "Second half",
        plots=[
            Plot(
                "Calibration: points on the dashed line keep what they promise.",
                plots.calibration(probabilities, labels),
            ),
            Plot("Gain: positives found by working the best-scored rows first.", plots.gain(probabilities, labels)),
            Plot(
                "Lift: how many times more positives each tenth holds than all rows.", plots.lift(probabilities, labels)
            ),
        ],
    )


def _over_time(chunks: list[Chunk]) -> Section:
    x = [float(chunk.last) for chunk in chunks]
    rates = [chunk.figures.positives / chunk.figures.rows for chunk in chunks]

    def line(field: str) -> list[float | None]:
        return [getattr(chunk.figures, field).value for chunk in chunks]

    drawn = [
        Plot("Base rate: how the world moved.", plots.lines(x, {"": rates}, "row", "share of positives", least=0)),
        Plot("Ranking.", plots.lines(x, {"": line("auc")}, "row", "ROC-AUC")),
        Plot("Surprise: rises with the base rate too.",
             plots.lines(x, {"": line("log_loss")}, "row", "log-loss", least=0)),
        Plot("Calibration error: rises where the base rate moves faster than labels come.",
             plots.lines(x, {"": line("ece")}, "row", "ECE", least=0)),
    ]  # fmt: skip
    return Section("Over time", [f"Each point stands for a stretch of rows; there are {len(chunks)}."], plots=drawn)


def _left_out(history: History) -> Section:
    left_out = history.learner.left_out
    if not left_out:
        return Section("What was left out", ["Nothing: no single column gives the answer away."])
    rows: list[list[str | int | float]] = [
        [name, auc, history.left_out_at[name]] for name, auc in sorted(left_out.items())
    ]
    text = "Each of these columns alone nearly tells the answer: that is what columns filled in afterwards look like."
    return Section("What was left out", [text], [Table(["Column", "Its AUC alone", "Left out from row"], rows)])


def _shown(figure: Figure) -> str:
    if figure.value is None or figure.low is None:
        return "-" if figure.value is None else f"{figure.value:.4f}"
    return f"{figure.value:.4f} ({figure.low:.3f} to {figure.high:.3f})".replace(" ", "\u00a0")
