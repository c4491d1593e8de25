"""Real contacts in time order (UCI bank marketing), scored by a plain learner that sees each label late.

The learner is here so that twenty shuffled copies take seconds; it is no part of the product.
"""

from __future__ import annotations

import csv
import gzip
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

FILE = Path(__file__).parents[2] / "shared" / "data" / "bank-additional-full.csv.gz"
LATE = 2_059  # rows until a label is known
RATE = 0.1  # of learning
BATCH = 71  # rows that are scored with the same weights; a divisor of LATE
AGES = ((25, "under 25"), (35, "25 to 34"), (50, "35 to 49"), (60, "50 to 59"), (200, "60 and over"))


class Bank(NamedTuple):
    features: NDArray[np.float64]  # rows x columns: standardised numbers, categories one-hot
    labels: NDArray[np.bool_]
    ages: NDArray[np.str_]  # bands


@cache
def bank() -> Bank:
    """All 41,188 rows. Skips the test where the file is not there."""
    if not FILE.exists():
        pytest.skip(f"{FILE} is not there: the public data lies beside the checkout")
    with gzip.open(FILE, "rt") as lines:
        rows = list(csv.DictReader(lines, delimiter=";"))
    columns = []
    for name in rows[0]:
        if name in ("duration", "y"):  # the duration is known only after the call
            continue
        values = [row[name] for row in rows]
        try:
            numbers = np.array(values, float)
            columns.append((numbers - numbers.mean()) / numbers.std())
        except ValueError:
            texts = np.array(values)
            columns += [(texts == value).astype(float) for value in np.unique(texts)]
    labels = np.array([row["y"] == "yes" for row in rows])
    ages = np.array([next(band for top, band in AGES if int(row["age"]) < top) for row in rows])
    return Bank(np.column_stack([*columns, np.ones(len(rows))]), labels, ages)


class Scored(NamedTuple):
    given: NDArray[np.float64]  # each row's probability before its label was known
    weights: NDArray[np.float64]  # what scored each batch: batches x columns

    def again(self, features: NDArray[np.float64], row: int) -> NDArray[np.float64]:
        """What the learner, as it stood at a row, gives to other rows."""
        return probabilities(features, self.weights[row // BATCH])


def scored(bank: Bank) -> Scored:
    """Logistic regression with AdaGrad, test-then-train, in batches."""
    features, labels = bank.features, bank.labels
    weights, squares = np.zeros(features.shape[1]), np.full(features.shape[1], 1e-6)
    given, past = np.empty(len(labels)), []
    for start in range(0, len(labels), BATCH):
        rows = slice(start, start + BATCH)
        given[rows] = probabilities(features[rows], weights)
        past.append(weights.copy())
        known = slice(max(start - LATE, 0), max(start - LATE + BATCH, 0))
        if known.stop:
            gradient = features[known].T @ (given[known] - labels[known]) / BATCH
            squares += gradient**2
            weights -= RATE * gradient / np.sqrt(squares)
    return Scored(given, np.array(past))


def probabilities(features: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(1 / (1 + np.exp(-features @ weights)), 1e-3, 1 - 1e-3)


def shuffled(bank: Bank, seed: int) -> Bank:
    """The same rows in no order, and ages that belong to nobody: neither drift nor unfairness is in there."""
    chance = np.random.default_rng(seed)
    order = chance.permutation(len(bank.labels))
    return Bank(bank.features[order], bank.labels[order], chance.permutation(bank.ages))
