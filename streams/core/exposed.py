"""A decision as it is kept in the lead's state until somebody says what came of it.

Law of this module: small, as every lead has one. Scores stand in whole 64ths and numbers in whole thousandths, since a
float takes nine bytes that nothing compresses. Fields are only ever added at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import msgspec

from streams.core.events import OutcomeLabel

Cell = int | str | None  # a number in thousandths, a category, nothing known


class Labelled(msgspec.Struct, array_like=True, gc=False):
    """What was said of a decision last."""

    example_id: str
    label: bool
    at: int  # when it happened; of a provisional one, when the horizon passed
    provisional: bool = False


class Exposure(msgspec.Struct, array_like=True, gc=False):
    """One decision as it will be learned from."""

    decision_id: str
    at: int
    tier: str
    queue: str
    human: bool
    selected: bool
    score: int  # 64ths of a point
    rule_score: int
    model_version: str
    predictions: dict[str, float]
    propensity: float | None  # None: 1
    explore: bool
    audit: bool
    row: list[Cell]  # by the places of streams.core.features.FEATURES
    attributes: bytes | None = None  # packed; None: as they stand in the state
    said: Labelled | None = None


pack_exposure = msgspec.msgpack.Encoder().encode  # also of a tuple of the same fields
unpack_exposure = msgspec.msgpack.Decoder(Exposure).decode
pack_label = msgspec.msgpack.Encoder().encode
unpack_label = msgspec.msgpack.Decoder(OutcomeLabel).decode
pack_attributes = msgspec.msgpack.Encoder().encode
_unpack_attributes = msgspec.msgpack.Decoder(dict[str, str]).decode
NONE: Mapping[str, str] = {}


@lru_cache(maxsize=4096)
def attributes_of(packed: bytes) -> Mapping[str, str]:
    """Declared attributes by name."""
    return _unpack_attributes(packed) if packed else NONE


def said_of(exposure: Exposure, said: Labelled) -> bytes:
    """The exposure with what was said of it, packed."""
    return pack_exposure(msgspec.structs.replace(exposure, said=said))


def pinned(packed: bytes, attributes: bytes) -> bytes:
    """A packed exposure that keeps these attributes, unless it keeps its own already; empty: empty."""
    if not packed:
        return packed
    exposure = unpack_exposure(packed)
    if exposure.attributes is not None:
        return packed
    return pack_exposure(msgspec.structs.replace(exposure, attributes=attributes))
