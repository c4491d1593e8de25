"""Governance: what the lanes, the labels and the people did, folded into KPIs and alarms.

Law of this module: pure. Records go in, in any order between topics; `look` says what they mean, at the time of the
newest of them; `dump` and `load` give the same again, so that a killed lab comes back as if it had not been away.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from streams.core.effects import EmitExample, UpdateCase
from streams.core.events import CaseReview
from streams.core.policy import GovernanceRow
from streams.core.windows import WindowStats
from streams.lab.alarms import Alarm, causes, settle
from streams.lab.books import Books
from streams.lab.drift import LossDrift
from streams.lab.kpis import Comparisons, Kpis, Predict, compare, kpis_of

FORMAT = 1
MINUTE_MS = 60_000


class Look(NamedTuple):
    """What governance sees now: the KPIs, and every alarm that is on, was on, or could be, by name."""

    kpis: Kpis
    alarms: Mapping[str, Alarm]


class _Dump(msgspec.Struct, array_like=True):
    format: int
    books: Books
    losses: bytes
    alarms: dict[str, Alarm]
    compared_at: tuple[int, int, bool] | None
    compared: Comparisons


class Governance:
    """The fold. Not for several threads."""

    def __init__(self, settings: GovernanceRow) -> None:
        self._settings = settings
        self._books = Books()
        self._losses = LossDrift(settings.drift_delta, settings.drift_hold_labels)
        self._alarms: dict[str, Alarm] = {}
        self._compared_at: tuple[int, int, bool] | None = None
        self._compared = compare(self._books, settings, None)

    def use(self, settings: GovernanceRow) -> None:
        """Take over the values of another policy version. ADWIN starts anew when its own change."""
        old, self._settings, self._compared_at = self._settings, settings, None
        if (old.drift_delta, old.drift_hold_labels) != (settings.drift_delta, settings.drift_hold_labels):
            self._losses = LossDrift(settings.drift_delta, settings.drift_hold_labels)

    def take(self, record: WindowStats | EmitExample | UpdateCase | CaseReview) -> None:
        """Fold one record in."""
        match record:
            case WindowStats():
                self._books.take_window(record, self._settings)
            case EmitExample():
                loss = self._books.take_example(record, self._settings)
                if loss is not None:
                    self._losses.add(loss)
            case UpdateCase():
                self._books.take_case(record, self._settings)
            case CaseReview():
                self._books.take_review(record, self._settings)

    def forget(self, lead_id: str) -> None:
        """Keep nothing of a lead that asked for it."""
        self._books.forget(lead_id)

    def look(self, predict: Predict | None = None) -> Look:
        """KPIs and alarms now. Alarms change here, and nowhere else.

        `predict` gives the deciding model's probability for features; None while the rules decide. Drift of scores
        and fairness are measured anew with the first look of a minute.
        """
        kpis = kpis_of(self._books, self._settings, self._compare(predict))
        found = causes(kpis, self._books, self._losses, self._settings)
        self._alarms = settle(self._alarms, found, self._books.now, self._settings.clear_ms)
        return Look(kpis, dict(self._alarms))

    def _compare(self, predict: Predict | None) -> Comparisons:
        """Anew once a minute, as often as lanes tell of groups: a model scores hundreds of examples for it."""
        books = self._books
        minute = (books.now // MINUTE_MS, books.regime, predict is None)
        if minute != self._compared_at:
            self._compared_at, self._compared = minute, compare(books, self._settings, predict)
        return self._compared

    def dump(self) -> bytes:
        """The whole state, some tens of kilobytes."""
        dump = _Dump(FORMAT, self._books, self._losses.dump(), self._alarms, self._compared_at, self._compared)
        return zlib.compress(msgspec.msgpack.encode(dump), 1)

    @classmethod
    def load(cls, dumped: bytes, settings: GovernanceRow) -> Governance:
        """The state again. ValueError when another format wrote it."""
        try:
            found = msgspec.msgpack.decode(zlib.decompress(dumped), type=_Dump)
        except (zlib.error, msgspec.DecodeError) as error:
            raise ValueError(
                f"governance state: expected format {FORMAT}, got bytes that are none ({error})."
            ) from error
        if found.format != FORMAT:
            raise ValueError(f"governance state: expected format {FORMAT}, got {found.format}.")
        loaded = cls(settings)
        loaded._books, loaded._alarms = found.books, found.alarms
        loaded._compared_at, loaded._compared = found.compared_at, found.compared
        try:
            loaded._losses = LossDrift.load(found.losses, settings.drift_delta, settings.drift_hold_labels)
        except ValueError:  # another version of river: what it saw last, it sees again
            for loss in found.books.losses:
                loaded._losses.add(loss)
        return loaded
