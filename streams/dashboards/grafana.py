"""From a board to Grafana's JSON, by Grafana's own SDK."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as parts

from streams.dashboards.board import Board, Choice, Kind, Panel, Query

TAG = "leadlane"
SOURCE = parts.DataSourceRef(type_val="prometheus", uid="${datasource}")
SINCE, REFRESH = "now-6h", "30s"
LETTERS = "ABCDEFGH"
NEWEST_ONLY: tuple[Kind, ...] = ("bars", "names")  # what was there before and is no more is not shown
LIMIT_LINES = (parts.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [6, 6]}),
               parts.DynamicConfigValue("custom.fillOpacity", 0),
               parts.DynamicConfigValue("custom.lineWidth", 1))  # fmt: skip


def json_of(board: Board) -> str:
    """The dashboard as it is committed and provisioned."""
    return JSONEncoder(sort_keys=True, indent=2).encode(built(board).build()) + "\n"


def built(board: Board) -> dashboard.Dashboard:
    made = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.about)
        .tags([TAG])
        .timezone("browser")
        .refresh(REFRESH)
        .time(SINCE, "now")
        .tooltip(parts.DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .link(
            dashboard.DashboardLink("Other dashboards")
            .type(parts.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .include_vars(False)
            .keep_time(True)
        )
    )
    for choice in board.choices:
        made = made.with_variable(_variable(choice))
    number = 0
    for row in board.rows:
        made = made.with_row(dashboard.Row(row.title))
        for panel in row.panels:
            number += 1
            made = made.with_panel(PANELS[panel.kind](panel).id(number).height(panel.height).span(panel.width))
    return made


def _variable(choice: Choice) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(choice.name)
        .label(choice.label)
        .datasource(SOURCE)
        .query(f"label_values({choice.metric}, {choice.name})")
        .refresh(parts.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(parts.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
    )


def _query(letter: str, query: Query, kind: Kind) -> prometheus.Dataquery:
    made = prometheus.Dataquery().ref_id(letter).expr(query.expr).legend_format(query.legend)
    return made.instant() if kind in NEWEST_ONLY else made.range()


def _common(made: Any, panel: Panel) -> Any:
    made = made.title(panel.title).description(panel.advice).unit(panel.unit).datasource(SOURCE)
    for letter, query in zip(LETTERS, panel.queries, strict=False):
        made = made.with_target(_query(letter, query, panel.kind))
    steps = [parts.Threshold(None, panel.base), *(parts.Threshold(step.value, step.colour) for step in panel.steps)]
    made = made.thresholds(dashboard.ThresholdsConfig().mode(parts.ThresholdsMode.ABSOLUTE).steps(steps))
    if panel.least is not None:
        made = made.min(panel.least)
    if panel.most is not None:
        made = made.max(panel.most)
    if panel.decimals is not None:
        made = made.decimals(panel.decimals)
    return made.no_value(panel.empty) if panel.empty else made


def _by_thresholds() -> dashboard.FieldColor:
    return dashboard.FieldColor().mode(parts.FieldColorModeId.THRESHOLDS)


def _newest() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"])


def _stat(panel: Panel) -> Any:
    made = _common(stat.Panel(), panel).color_scheme(_by_thresholds()).reduce_options(_newest())
    return made.color_mode(looks.BigValueColorMode.VALUE).graph_mode(looks.BigValueGraphMode.AREA)


def _names(panel: Panel) -> Any:
    made = _common(stat.Panel(), panel).reduce_options(_newest()).text_mode(looks.BigValueTextMode.NAME)
    made = made.color_mode(looks.BigValueColorMode.NONE).graph_mode(looks.BigValueGraphMode.NONE)
    return made.orientation(looks.VizOrientation.HORIZONTAL)


def _lines(panel: Panel) -> Any:
    made = (
        _common(timeseries.Panel(), panel)
        .color_scheme(dashboard.FieldColor().mode(parts.FieldColorModeId.PALETTE_CLASSIC))
        .line_width(2)
        .fill_opacity(8)
        .show_points(looks.VisibilityMode.NEVER)
        .tooltip(common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI).sort(looks.SortOrder.DESCENDING))
        .legend(
            common.VizLegendOptions()
            .display_mode(looks.LegendDisplayMode.TABLE)
            .placement(looks.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
    )
    if panel.steps:
        made = made.thresholds_style(common.GraphThresholdsStyleConfig().mode(looks.GraphTresholdsStyleMode.DASHED))
    return made.override_by_regexp(panel.dashed, list(LIMIT_LINES)) if panel.dashed else made


def _stacked(panel: Panel) -> Any:
    stacking = common.StackingConfig().mode(looks.StackingMode.NORMAL)
    return _lines(panel).fill_opacity(35).line_width(1).stacking(stacking)


def _bars(panel: Panel) -> Any:
    made = _common(bargauge.Panel(), panel).color_scheme(_by_thresholds()).reduce_options(_newest())
    made = made.orientation(looks.VizOrientation.HORIZONTAL).display_mode(looks.BarGaugeDisplayMode.BASIC)
    return made.value_mode(looks.BarGaugeValueMode.COLOR).show_unfilled(True)


PANELS: Mapping[Kind, Callable[[Panel], Any]] = {
    "stat": _stat,
    "names": _names,
    "lines": _lines,
    "stacked": _stacked,
    "bars": _bars,
}
