"""Shares of leads, drawn by hash: the same lead is in the sample each time it is asked, live and in replay."""

from __future__ import annotations

from zlib import crc32

SPREAD = 2_654_435_769  # 2**32 / golden ratio: neighbouring checksums end far apart
RANGE = 1 << 32


def sampled(lead_id: str, salt: str, share: float) -> bool:
    """Whether the lead belongs to a sample of `share` (0..1). Another salt is another, independent sample."""
    mixed = crc32(f"{salt}\0{lead_id}".encode("utf-8", "surrogatepass"))
    mixed = ((mixed ^ (mixed >> 15)) * SPREAD) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 13)) * SPREAD) & 0xFFFFFFFF
    return (mixed ^ (mixed >> 16)) < share * RANGE
