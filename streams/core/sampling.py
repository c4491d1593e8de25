"""Shares of leads, drawn by hash: the same lead is in the sample each time it is asked, live and in replay."""

from __future__ import annotations

from zlib import crc32

SPREAD = 2_654_435_769  # 2**32 / golden ratio: neighbouring checksums end far apart
RANGE = 1 << 32


def sampled(lead_id: str, salt: str, share: float) -> bool:
    """Whether the lead belongs to a sample of `share` (0..1). Another salt is another, independent sample."""
    return drawn(lead_id, seed_of(salt), share)


def seed_of(salt: str) -> int:
    """What `drawn` needs of a salt."""
    return crc32(salt.encode())


def drawn(lead_id: str, seed: int, share: float) -> bool:
    """`sampled`, for a salt that is asked for often."""
    mixed = crc32(lead_id.encode(errors="surrogatepass"), seed)
    return (mixed ^ mixed >> 15) * SPREAD % RANGE < share * RANGE
