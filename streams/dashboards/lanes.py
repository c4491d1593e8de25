"""Lanes and workers: is everything open, in time, and understood?"""

from __future__ import annotations

from streams.dashboards.board import Board, Choice, Panel, Query, Row, Step, quantile, stat

PROCESSES = 'job=~"worker|lab|gateway|sink"'
HERE = 'job="worker", instance=~"$instance"'

NOW = Row(
    "Now",
    (
        stat(
            "Lanes not open",
            "Lanes of the whole installation that no worker has open. For seconds after a start or a move this is"
            " normal; if it stays, ask each worker's /ready.",
            "short",
            "max(leadlane_lanes) - sum(leadlane_lanes_open)",
            Step(0.5, "red"),
            base="green",
        ),
        stat(
            "Records waiting",
            "Input records that are not committed yet. A backlog that shrinks is fine.",
            "short",
            "sum(topic:leadlane_lag_records:sum)",
            Step(2000, "orange"),
            Step(50_000, "red"),
            base="green",
        ),
        stat(
            "Records a second",
            "Input records committed. Zero with a backlog: look at the broker and at rebuilds.",
            "ops",
            f"sum(rate(leadlane_lane_records_total{{{HERE}}}[$__rate_interval]))",
            decimals=0,
        ),
        stat(
            "Transaction, 99 of 100",
            "So long the slowest hundredth of transactions takes at least. Seconds mean that brokers or machines are"
            " slow.",
            "s",
            "leadlane:transaction_seconds:p99_5m",
            Step(0.5, "orange"),
            Step(2, "red"),
            base="green",
        ),
        stat(
            "Dead letters",
            "In the chosen time. `leadlane dlq list` says why each was put aside.",
            "short",
            'sum(increase(leadlane_events_total{outcome="dead"}[$__range]))',
            Step(0.5, "orange"),
            base="green",
            decimals=0,
        ),
        stat(
            "Silence of the broker",
            "Since when no broker has taken the offsets of some worker, which offers them once a second. Beyond half a"
            " minute nothing is decided there: bring Kafka back.",
            "s",
            f"max(leadlane_broker_silence_seconds{{{HERE}}})",
            Step(10, "orange"),
            Step(30, "red"),
            base="green",
        ),
    ),
)

FLOW = Row(
    "What comes, what waits",
    (
        Panel(
            "Events, by topic",
            "A second, timers (lane.tick) among them. A topic that falls silent is a sender that has stopped.",
            "ops",
            (Query(f"sum by (topic) (rate(leadlane_events_total{{{HERE}}}[$__rate_interval]))", "{{topic}}"),),
            "stacked",
        ),
        Panel(
            "Records waiting, by topic",
            "If it grows: are all lanes open, are batches full? Then start more workers, up to one per lane.",
            "short",
            (Query(f"sum by (topic) (leadlane_lag_records{{{HERE}}})", "{{topic}}"),),
        ),
        Panel(
            "Events, by outcome",
            "A second. Each record ends as exactly one: decided, quiet (nothing followed), duplicate, dead.",
            "ops",
            (Query(f"sum by (outcome) (rate(leadlane_events_total{{{HERE}}}[$__rate_interval]))", "{{outcome}}"),),
            "stacked",
        ),
        Panel(
            "Dead letters, by topic",
            "A minute. One topic alone is one sender: mend it, then `leadlane dlq redrive --topic`.",
            "short",
            (
                Query(
                    'sum by (topic) (rate(leadlane_events_total{outcome="dead"}[$__rate_interval])) * 60', "{{topic}}"
                ),
            ),
            "stacked",
        ),
        Panel(
            "Records written, by topic",
            "A second. What the lanes tell the world.",
            "ops",
            (Query(f"sum by (topic) (rate(leadlane_outputs_total{{{HERE}}}[$__rate_interval]))", "{{topic}}"),),
        ),
        Panel(
            "Records, by lane",
            "A second. Lanes should be alike; one that is far above the others has a key that comes too often.",
            "ops",
            (Query(f"sum by (lane) (rate(leadlane_lane_records_total{{{HERE}}}[$__rate_interval]))", "lane {{lane}}"),),
        ),
    ),
)

TIME = Row(
    "How long it takes",
    (
        Panel(
            "Transactions",
            "From the start of a transaction to its commit. If processing (beside) is small and this is not, the"
            " brokers are slow.",
            "s",
            (
                Query(quantile(0.5, "leadlane_transaction_seconds", "", HERE), "half"),
                Query(quantile(0.99, "leadlane_transaction_seconds", "", HERE), "99 of 100"),
            ),
        ),
        Panel(
            "Processing of a batch",
            "Time in the processor. All lanes of a worker share one core: where it is full, start another worker.",
            "s",
            (
                Query(quantile(0.5, "leadlane_process_seconds", "", HERE), "half"),
                Query(quantile(0.99, "leadlane_process_seconds", "", HERE), "99 of 100"),
            ),
        ),
        Panel(
            "Records of a transaction",
            "Full batches (LEADLANE_BATCH_RECORDS) mean that a worker is at its limit.",
            "short",
            (
                Query(quantile(0.5, "leadlane_transaction_records", "", HERE), "half"),
                Query(quantile(0.99, "leadlane_transaction_records", "", HERE), "99 of 100"),
            ),
        ),
    ),
)

LIFE = Row(
    "Workers",
    (
        Panel(
            "Lanes rebuilt, by error",
            "In five minutes. Once, after a restart of a broker or a move, is normal; the runbook has a line per"
            " error.",
            "short",
            (Query(f"sum by (error) (increase(leadlane_lane_rebuilds_total{{{HERE}}}[5m]))", "{{error}}"),),
            empty="none was rebuilt",
        ),
        Panel(
            "Opening of a lane, nine of ten",
            "By kind: cold reads the whole changelog, delta what was missed, warm nothing. Cold ones that take long"
            " want more memory for warm copies, or fewer leads per lane.",
            "s",
            (
                Query(
                    f"histogram_quantile(0.9, sum by (le, kind) (leadlane_lane_open_seconds_bucket{{{HERE}}}))",
                    "{{kind}}",
                ),
            ),
            "bars",
        ),
        Panel(
            "Leads in memory",
            "By worker: running lanes, and warm copies of lanes that moved away (LEADLANE_WARM_LEADS).",
            "short",
            (Query(f"leadlane_leads{{{HERE}}}", "{{instance}} {{kind}}"),),
        ),
        Panel(
            "CPU",
            "Cores that each process uses. A worker near 1 is full: it has one event loop. Start another.",
            "none",
            (
                Query(
                    f"sum by (job, instance) (rate(process_cpu_seconds_total{{{PROCESSES}}}[$__rate_interval]))",
                    "{{job}} {{instance}}",
                ),
            ),
            steps=(Step(0.9, "red"),),
        ),
        Panel(
            "Memory",
            "Resident bytes of each process. It grows with leads; docs/scale.md has the bytes per lead.",
            "bytes",
            (Query(f"process_resident_memory_bytes{{{PROCESSES}}}", "{{job}} {{instance}}"),),
        ),
        Panel(
            "In force",
            "The versions that the workers decide by. Two of one kind for longer than a minute: a worker has not taken"
            " the newer one over; its log says why.",
            "none",
            (
                Query(
                    'count by (what, version) (leadlane_context_info{job="worker", what!="policy_sha256"})',
                    "{{what}} {{version}}",
                ),
            ),
            "names",
        ),
    ),
)

LANES = Board(
    "leadlane-lanes",
    "Leadlane: lanes and workers",
    "Whether everything is open, in time and understood: for whoever operates Leadlane.",
    (NOW, FLOW, TIME, LIFE),
    (Choice("instance", "Worker", "leadlane_lanes_assigned"),),
)
