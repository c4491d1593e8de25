"""Avro, compiled: for one schema, straight-line Python that writes its records and reads its bytes.

Twice as fast as a general codec, as nothing is looked up per field, and strict where a general one is lenient: a length
that does not fit, a count that is negative, an index, boolean or number that no writer makes is refused. Tests hold it
against fastavro and avro-python3, in both directions.

Law of this module: reading takes time and memory in proportion to the bytes, whatever they are. So schemas whose items
may take no bytes are refused before they get here (schemas/compat.py).
"""

from __future__ import annotations

from streams.lane.codec.numbers import INTS, LONGS, BadDatum, long_from
from streams.lane.codec.reading import reader
from streams.lane.codec.writing import writer

__all__ = ["INTS", "LONGS", "BadDatum", "long_from", "reader", "writer"]
