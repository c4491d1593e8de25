"""Grafana's dashboards as code: what each panel asks Prometheus for, and what a person should do with the answer.

`make dashboards` writes deploy/grafana/dashboards/*.json and docs/reference/dashboards.md from here. Nothing of the
product imports this package, it is not in the wheel, and the SDK that it needs is in the `dev` extra.
"""
