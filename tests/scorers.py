"""A scorer by hand: fit adds half a log-odds per ten points from 50, the stage adds its own; 500 labels behind it."""

from __future__ import annotations

from typing import Any

from streams.core.model import Model, NumberTerm, Scale, Weight, load_model
from tests.models import a_document

SURE = 400.0  # precision


def a_model(version: str = "online-000000500", **fields: Any) -> Model:
    known: dict[str, Any] = {
        "examples": 500, "positives": 120, "base": Weight(0.0, SURE), "prior_precision": SURE,
        "numbers": {"fit": NumberTerm(50.0, 0.1, 5.0, Weight(0.5, SURE), (), ())},
        "categories": {"stage": {"qualify": Weight(0.25, SURE), "convert": Weight(1.0, SURE)}},
        "missing": {"fit": Weight(0.0, SURE), "stage": Weight(0.0, SURE)}, "scale": Scale(50.0, 16.0),
        "segments": {"stage": {"qualify": (400, 100), "convert": (100, 20)}},
    }  # fmt: skip
    return load_model(a_document(version, **{**known, **fields}))
