"""Model documents and versions by hand: small ones that the lanes can use."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec

from streams.core.context import ModelVersion
from streams.core.model import FORMAT, Calibration, ModelDocument, NumberTerm, Scale, Weight
from streams.lab.gates import ImpactRatio, Interval, ModelMetrics
from tests.factories import T0

GOOD = ModelMetrics(
    labels=800,
    positives=120,
    auc=0.78,
    lift_at_10=Interval(3.2, 2.9, 3.5),
    lift_difference=Interval(0.4, 0.1, 0.7),
    log_loss=0.40,
    champion_log_loss=0.42,
    ece=0.02,
    worst_impact_ratio=ImpactRatio(0.9, "age_band=under 25", 400),
    groups=1,
)  # passes every gate of the shipped policy


def a_document(version: str = "online-000001", metrics: ModelMetrics = GOOD, **fields: Any) -> str:
    """One number and one category; whoever has fit 100 is judged well."""
    known: dict[str, Any] = {
        "format": FORMAT, "version": version, "line": version.rpartition("-")[0], "trained_through": 1999,
        "examples": 2000, "positives": 300, "base": Weight(-1.0, 400.0),
        "numbers": {"fit": NumberTerm(50.0, 0.05, 5.0, Weight(1.0, 400.0), (), ())},
        "categories": {"country": {"DE": Weight(0.25, 100.0)}},
        "missing": {"fit": Weight(0.0, 25.0), "country": Weight(-0.5, 25.0)},
        "average": {}, "prior_precision": 25.0, "calibration": Calibration(1.0, 0.0), "scale": Scale(50.0, 10.0),
        "segments": {}, "left_out": {}, "metrics": msgspec.to_builtins(metrics),
    }  # fmt: skip
    return msgspec.json.encode(ModelDocument(**{**known, **fields}), order="sorted").decode()


def a_version(
    version: str = "online-000001", at: int = T0, metrics: ModelMetrics = GOOD, **fields: Any
) -> ModelVersion:
    """A snapshot as the lab writes it."""
    document = fields.pop("document", None)
    document = a_document(version, metrics, **fields) if document is None else document
    return ModelVersion(
        actor="lab", reason="a snapshot", at=at, version=version, sha256=sha256(document.encode()).hexdigest(),
        document=document, line=version.rpartition("-")[0],
    )  # fmt: skip
