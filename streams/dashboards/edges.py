"""Edges: what comes in by the gateway, and what goes out by the HTTP sink."""

from __future__ import annotations

from streams.dashboards.board import Board, Choice, Panel, Query, Row, Step, quantile, stat

FROM, TO = 'source=~"$source"', 'target=~"$target"'

NOW = Row(
    "Now",
    (
        stat(
            "Kafka, for the gateway",
            "1 while Kafka acknowledges what comes in. At 0 platforms get 503 and send again later: nothing is lost as"
            " long as Kafka is back before they give up.",
            "short",
            'min(leadlane_gateway_kafka_up{job="gateway"})',
            Step(1, "green"),
            base="red",
            empty="no gateway",
        ),
        stat(
            "Answered 503",
            "Share of the requests that the gateway could not take. Kafka away, or more than it can hold: start"
            " another.",
            "percentunit",
            'sum(rate(leadlane_gateway_requests_total{status="503"}[$__rate_interval]))'
            " / sum(rate(leadlane_gateway_requests_total[$__rate_interval])) or vector(0)",
            Step(0.01, "orange"),
            Step(0.05, "red"),
            base="green",
            decimals=1,
        ),
        stat(
            "Answer, 99 of 100",
            "From a whole request to its answer, which waits for Kafka. Platforms give up after seconds (HubSpot: 5).",
            "s",
            quantile(0.99, "leadlane_gateway_request_seconds"),
            Step(1, "orange"),
            Step(5, "red"),
            base="green",
            empty="no request",
        ),
        stat(
            "Targets down",
            "Targets of the sink whose last answers were not good. What is meant for them waits, in order, and goes on"
            " by itself.",
            "short",
            "count(leadlane_sink_target_up == 0) or vector(0)",
            Step(0.5, "red"),
            base="green",
        ),
        stat(
            "Parked deliveries",
            "Deliveries that a target refused for good, in the chosen time. Mend the target, then redrive them.",
            "short",
            'sum(increase(leadlane_sink_records_total{outcome="parked"}[$__range])) or vector(0)',
            Step(0.5, "orange"),
            base="green",
            decimals=0,
        ),
        stat(
            "Delivery, 99 of 100",
            "From a record's writing in Kafka to the target's yes: how long an order to stop is on its way.",
            "s",
            quantile(0.99, "leadlane_sink_delivery_seconds"),
            Step(60, "orange"),
            Step(300, "red"),
            base="green",
            empty="no delivery",
        ),
    ),
)

GATEWAY = Row(
    "Gateway: in",
    (
        Panel(
            "Requests, by source",
            "A second. A platform that falls silent has a webhook switched off, or its signature is refused.",
            "ops",
            (
                Query(
                    f"sum by (source) (rate(leadlane_gateway_requests_total{{{FROM}}}[$__rate_interval]))", "{{source}}"
                ),
            ),
            "stacked",
        ),
        Panel(
            "Requests, by answer",
            "A second. 401: a secret was changed on one side only. 400: not what the platform says it sends. 429: too"
            " many. 503: Kafka is away.",
            "ops",
            (
                Query(
                    f"sum by (status) (rate(leadlane_gateway_requests_total{{{FROM}}}[$__rate_interval]))", "{{status}}"
                ),
            ),
            "stacked",
        ),
        Panel(
            "Items, by what became of them",
            "A second. `dead`: a rule takes them and cannot map them, see `leadlane dlq list`. `ignored`: no rule takes"
            " them; is one missing?",
            "ops",
            (
                Query(
                    f"sum by (outcome) (rate(leadlane_gateway_items_total{{{FROM}}}[$__rate_interval]))", "{{outcome}}"
                ),
            ),
            "stacked",
        ),
        Panel(
            "Time to answer, 99 of 100",
            "By source. It waits for Kafka's acknowledgement: if all are slow, brokers are; if one is, its requests are"
            " large.",
            "s",
            (Query(quantile(0.99, "leadlane_gateway_request_seconds", "source", FROM), "{{source}}"),),
        ),
        Panel(
            "Records in flight",
            "Taken and not acknowledged by Kafka yet. A line that stays up is a broker that does not answer.",
            "short",
            (Query('leadlane_gateway_in_flight_records{job="gateway"}', "{{instance}}"),),
        ),
        Panel(
            "Producers replaced",
            "In five minutes. Each ended in doubt about its last records, and looked at the topics before it went on.",
            "short",
            (Query('increase(leadlane_gateway_producer_renewals_total{job="gateway"}[5m])', "{{instance}}"),),
        ),
    ),
)

SINK = Row(
    "HTTP sink: out",
    (
        Panel(
            "Deliveries, by target and outcome",
            "A second. `parked` needs a person; `filtered` is what the target does not want.",
            "ops",
            (
                Query(
                    f"sum by (target, outcome) (rate(leadlane_sink_records_total{{{TO}}}[$__rate_interval]))",
                    "{{target}} {{outcome}}",
                ),
            ),
            "stacked",
        ),
        Panel(
            "Time to the target's yes, 99 of 100",
            "From the record's writing in Kafka. Minutes for cadences.commands mean mail that should have been"
            " stopped.",
            "s",
            (Query(quantile(0.99, "leadlane_sink_delivery_seconds", "target", TO), "{{target}}"),),
        ),
        Panel(
            "Not delivered yet",
            "Records before which a target is not finished. It grows while a target is down, and falls by itself"
            " after.",
            "short",
            (Query(f"sum by (target) (leadlane_sink_lag_records{{{TO}}})", "{{target}}"),),
        ),
        Panel(
            "Tries that failed",
            "A minute, by why. A status that is always the same is a fault of the target, or of what it is sent.",
            "short",
            (
                Query(
                    f"sum by (target, why) (rate(leadlane_sink_retries_total{{{TO}}}[$__rate_interval])) * 60",
                    "{{target}} {{why}}",
                ),
            ),
            "stacked",
            empty="none failed",
        ),
        Panel(
            "In memory",
            "Deliveries that are tried now or wait behind one of the same lead.",
            "short",
            (Query(f"leadlane_sink_waiting{{{TO}}}", "{{target}}"),),
        ),
        Panel(
            "Targets",
            "1: its last answers were good. 0: it is down; call whoever runs it.",
            "short",
            (Query(f"leadlane_sink_target_up{{{TO}}}", "{{target}}"),),
            "bars",
            base="red",
            steps=(Step(1, "green"),),
            most=1.0,
        ),
    ),
)

EDGES = Board(
    "leadlane-edges",
    "Leadlane: gateway and sink",
    "What platforms send and are told over HTTP, and how long it takes: for whoever operates the edges.",
    (NOW, GATEWAY, SINK),
    (
        Choice("source", "Source", "leadlane_gateway_requests_total"),
        Choice("target", "Target", "leadlane_sink_target_up"),
    ),
)
