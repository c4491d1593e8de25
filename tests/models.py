"""A model document by hand: one number, one category, everything else unknown to it."""

from __future__ import annotations

from typing import Any

import msgspec

from streams.core.model import Model, load_model


def a_model_document(version: str = "online-000000500", **fields: Any) -> str:
    """A document that scores fit (log-odds 0.5 per ten points from 50) and stage, with 500 labels behind it."""
    known = {
        "format": 1, "version": version, "line": version.rpartition("-")[0], "trained_through": 499, "examples": 500,
        "positives": 120, "base": [0.0, 400.0],
        "numbers": {
            "fit": {"mean": 50.0, "inverse": 0.1, "limit": 5.0, "weight": [0.5, 400.0], "edges": [], "bins": []},
        },
        "categories": {"stage": {"qualify": [0.25, 400.0], "convert": [1.0, 400.0]}},
        "missing": {"fit": [0.0, 400.0], "stage": [0.0, 400.0]}, "average": {}, "prior_precision": 400.0,
        "calibration": {"slope": 1.0, "offset": 0.0}, "scale": {"base": 50.0, "points": 16.0},
        "segments": {"stage": {"qualify": [400, 100], "convert": [100, 20]}}, "left_out": {}, "metrics": {},
    }  # fmt: skip
    return msgspec.json.encode({**known, **fields}).decode()


def a_model(version: str = "online-000000500", **fields: Any) -> Model:
    return load_model(a_model_document(version, **fields))
