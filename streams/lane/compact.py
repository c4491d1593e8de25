"""Packed states by key, small: what was written lately stands as it came, the rest is compressed.

Law of this module: what is read is what was written, byte for byte. The due header stays in front of a compressed state
as it is, so that timers are found without decompressing a lead. Nothing here leaves the process.

A packed lead has about 600 bytes, most of them the same as in other leads: words, sources, models, shapes. A dictionary
trained on the lane's own leads takes that out; without one, states this short do not compress. Measured on 2,600 leads
after a profile and three signals with UUIDs (x86-64): 644 bytes become 261, in 2.0 us; back in 1.0 us.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import zstandard

from streams.lane.processor import DUE_BYTES, NEVER

# So many leads of a lane stand as they came: a small installation never compresses, and leads in the middle of their
# story are not compressed and decompressed with every event. Twelve lanes of them take 25 MB.
RECENT_LEADS = 3072
PIECE = 1024  # leads compressed in one go: 4 ms, and the lanes' heartbeats wait
SAMPLES = 500  # and as many to see whether it pays: 6 ms together
DICTIONARY_BYTES = 16_384  # twice as much: 258 bytes
LEVEL = 1  # level 3: 250 bytes in 2.5 us, and 770 KB of tables for each lane where this takes 380
SEGMENT_BYTES = 800  # about a lead; with 64 the leads come out 7 % larger, with a search for the best 1 % smaller
LEAST_BYTES = 64  # states whose mean is shorter than this are not worth a frame; shorter ones teach nothing
LEAST_SAMPLES = 16  # on samples with 8 or 9 bytes altogether zstd's trainer ends the process: SIGFPE, SIGSEGV
WORTH = 0.75  # a dictionary must bring leads it was not trained on down to this share, or none is used
# Leads are younger when a lane fills than later: a dictionary of leads after their first event brings leads after their
# fourth to 325 bytes, one of their own age to 268. So a new one is trained each time this many times as many leads were
# compressed since the last. Each state says in one byte which one it needs; after the last of them nothing is trained.
RETRAIN_GROWTH = 4
MOST_DICTIONARIES = 4
NO_TIMER = NEVER.to_bytes(DUE_BYTES, "big")
FIRST_TIMER = (NEVER + 1).to_bytes(DUE_BYTES, "big")


class Codec:
    """A trained dictionary, ready for use."""

    def __init__(self, samples: Sequence[bytes], number: int) -> None:
        """Takes LEAST_SAMPLES or more of LEAST_BYTES or more; ZstdError when there is nothing to learn from them."""
        trained = zstandard.train_dictionary(DICTIONARY_BYTES, samples, k=SEGMENT_BYTES, d=8, f=18)  # type: ignore[arg-type]
        how = zstandard.ZstdCompressionParameters.from_level(
            LEVEL, source_size=SEGMENT_BYTES, dict_size=DICTIONARY_BYTES, write_dict_id=False
        )
        trained.precompute_compress(compression_params=how)
        self._compress = zstandard.ZstdCompressor(dict_data=trained, compression_params=how).compress
        # A dictionary of its own: what compressing needs goes when the codec only reads.
        reading = zstandard.ZstdCompressionDict(trained.as_bytes())
        self.decompress = zstandard.ZstdDecompressor(dict_data=reading).decompress
        self._mark = bytes([number])

    def only_read(self) -> None:
        """From now on nothing is compressed with it."""
        del self._compress

    def shrunk(self, packed: bytes) -> bytes:
        """Due header, number of this codec, compressed rest."""
        return packed[:DUE_BYTES] + self._mark + self._compress(packed[DUE_BYTES:])

    @classmethod
    def trained(cls, states: Sequence[bytes], number: int) -> Codec | None:
        """A codec for states like these; None when it would not pay."""
        learn, test = [packed[DUE_BYTES:] for packed in states[::2]], states[1::2]
        learn = [rest for rest in learn if len(rest) >= LEAST_BYTES]
        if len(learn) < LEAST_SAMPLES or sum(map(len, test)) < LEAST_BYTES * len(test):
            return None
        try:
            codec = cls(learn, number)
        except zstandard.ZstdError:  # too little, or all the same
            return None
        saved = sum(len(codec.shrunk(packed)) for packed in test) / sum(map(len, test))
        return codec if saved <= WORTH else None


class CompactStates(Mapping[bytes, bytes]):
    """A mapping of packed states. `put` and `drop` answer the due header that stood there; `settle` after them."""

    def __init__(self, recent_leads: int = RECENT_LEADS) -> None:
        self._recent_leads = recent_leads
        self._piece = min(PIECE, -(-recent_leads // 2))
        self.clear()

    def clear(self) -> None:
        self._recent: dict[bytes, bytes] = {}  # as they came, least lately written first
        self._small: dict[bytes, bytes] = {}  # compressed; no key is in both
        self._codecs: list[Codec] = []
        self._limit = self._recent_leads  # of leads in _recent before any is compressed
        self._until_training = 0

    # --- reading ------------------------------------------------------------------------------------------------------

    @property
    def quickest(self) -> Mapping[bytes, bytes]:
        """The same mapping, as a plain dict as long as nothing is compressed."""
        return self if self._small else self._recent

    @property
    def compressed(self) -> int:
        """How many states are compressed."""
        return len(self._small)

    def get(self, key: bytes, default: bytes | None = None) -> bytes | None:  # type: ignore[override]
        found = self._recent.get(key)
        if found is not None:
            return found
        small = self._small.get(key)
        return default if small is None else self._whole(small)

    def __getitem__(self, key: bytes) -> bytes:
        found = self._recent.get(key)
        return self._whole(self._small[key]) if found is None else found

    def __contains__(self, key: object) -> bool:
        return key in self._recent or key in self._small

    def __iter__(self) -> Iterator[bytes]:
        yield from self._small
        yield from self._recent

    def __len__(self) -> int:
        return len(self._recent) + len(self._small)

    def header(self, key: bytes) -> bytes:
        """The first DUE_BYTES of a state; NO_TIMER when the key is unknown."""
        return (self._recent.get(key) or self._small.get(key, NO_TIMER))[:DUE_BYTES]

    def due_before(self, end: bytes) -> list[tuple[bytes, bytes]]:
        """Key and due header of the states with a timer before `end`, a header too."""
        # Bytes compare from the left, so a whole state stands to a header as its own header does.
        return [
            (key, packed[:DUE_BYTES])
            for states in (self._small, self._recent)
            for key, packed in states.items()
            if FIRST_TIMER <= packed < end
        ]

    def _whole(self, small: bytes) -> bytes:
        return small[:DUE_BYTES] + self._codecs[small[DUE_BYTES]].decompress(small[DUE_BYTES + 1 :])

    # --- writing ------------------------------------------------------------------------------------------------------

    def put(self, key: bytes, packed: bytes) -> bytes:
        before = self._recent.pop(key, None) or self._small.pop(key, NO_TIMER)  # popped, so that the key comes last
        self._recent[key] = packed
        return before[:DUE_BYTES]

    def drop(self, key: bytes) -> bytes:
        return (self._recent.pop(key, None) or self._small.pop(key, NO_TIMER))[:DUE_BYTES]

    def settle(self, written: int = 1) -> None:
        """Compress what was written least lately while too much stands as it came; in short pieces."""
        for _ in range(1 + written // self._piece):
            if len(self._recent) <= self._limit:
                return
            if self._codecs and self._until_training > 0:
                self._shrink()
            else:
                self._train()

    def _shrink(self) -> None:
        shrunk, recent, small = self._codecs[-1].shrunk, self._recent, self._small
        oldest = list(islice(recent, self._piece))
        for key in oldest:
            small[key] = shrunk(recent.pop(key))
        self._until_training -= len(oldest)

    def _train(self) -> None:
        """Learn from leads all over `_recent`; the last dictionary stays when there is none that is worth it."""
        every = max(1, len(self._recent) // (2 * SAMPLES))
        states = list(islice(self._recent.values(), 0, None, every))
        codec = Codec.trained(states, len(self._codecs)) if len(self._codecs) < MOST_DICTIONARIES else None
        if codec is not None:
            for last in self._codecs[-1:]:
                last.only_read()
            self._codecs.append(codec)
        self._until_training = RETRAIN_GROWTH * max(self._recent_leads, len(self._small))
        # Nothing to gain: look again when there are twice as many leads, which may be different.
        self._limit = self._recent_leads if self._codecs else 2 * len(self._recent)
