"""What holds for every mail that a stranger could send."""
# ruff: noqa: E501  (a mail is one line)

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.reading import ReplyClass, UnreadableMail, parse_mail, read_reply, warm_up
from tests.unit.reading_cases import PEOPLE
from tests.unit.reading_dates import ASKED, RETURNS
from tests.unit.reading_machines import LOOKALIKES, MACHINES

WORDS = sorted(
    {w for _, text in (*PEOPLE,) for w in text.split()} | {w for text, _ in (*RETURNS, *ASKED) for w in text.split()}
)
NAMES = sorted(
    {name for _, headers, _, _ in (*MACHINES, *LOOKALIKES) for name in headers} | {"X-Apple-Criteria", "Reply-To"}
)
VALUES = sorted(
    {v for _, headers, _, _ in (*MACHINES, *LOOKALIKES) for v in headers.values()} | {"", "no", "endDate=2026-99-99"}
)
SUBJECTS = sorted({subject for _, _, subject, _ in (*MACHINES, *LOOKALIKES)})

talk = st.lists(st.sampled_from([*WORDS, "\n", "\n\n", "> ", "-- ", "On 1 May 2027 a wrote:"]), max_size=60).map(
    " ".join
)
texts = st.one_of(talk, st.text(max_size=400), st.builds(lambda a, b: f"{a}\n{b}", talk, st.text(max_size=80)))
headers_of = st.dictionaries(
    st.one_of(st.sampled_from(NAMES), st.text(max_size=20)),
    st.one_of(st.sampled_from(VALUES), st.text(max_size=60)),
    max_size=6,
)
subjects = st.one_of(st.sampled_from(SUBJECTS), st.text(max_size=80), talk)
moments = st.integers(min_value=-(2**62), max_value=2**62)
hints = st.one_of(st.none(), st.sampled_from(["de", "en-US", "en_GB", "fr", "xx", ""]))


@settings(max_examples=150, deadline=None)
@given(headers_of, subjects, texts, moments, hints)
def test_any_mail_gives_one_sound_reading_and_always_the_same(
    headers: dict[str, str], subject: str, text: str, at: int, hint: str | None
) -> None:
    reading = read_reply(headers, subject, text, at, hint)
    assert read_reply(dict(headers), subject, text, at, hint) == reading
    assert 0.0 <= reading.confidence <= 1.0
    assert -1.0 <= reading.sentiment <= 1.0
    assert all(len(e.quote) <= 160 for e in reading.evidence)
    assert (reading.bounce_kind is not None) == (reading.reply_class is ReplyClass.BOUNCE)
    assert reading.reply_class not in reading.also_classes
    assert reading.evidence or reading.reply_class is ReplyClass.UNCLASSIFIED
    if reading.is_automatic:
        assert reading.evidence[0].source in ("header", "subject", "text")
        assert reading.sentiment == 0.0


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES), max_size=4), talk)
def test_case_and_blanks_of_header_names_never_matter(headers: dict[str, str], text: str) -> None:
    loud = {f" {name.upper()} ": f" {value} " for name, value in headers.items()}
    one, other = read_reply(headers, "x", text, 0), read_reply(loud, "x", text, 0)
    assert (one.reply_class, one.is_automatic, one.until) == (other.reply_class, other.is_automatic, other.until)


@settings(max_examples=60, deadline=None)
@given(talk, st.text(alphabet="abc \n", max_size=200))
def test_what_is_quoted_never_decides(text: str, original: str) -> None:
    quoted = "\n".join(f"> {line}" for line in f"unsubscribe me, spam, not interested {original}".split("\n"))
    alone = read_reply({}, "Re: x", "Hello.", 0)
    assert read_reply({}, "Re: x", f"Hello.\n\n{quoted}", 0) == alone


@settings(max_examples=100, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=400),
        st.builds(lambda h, b: b"From: a\n" + h + b"\n\n" + b, st.binary(max_size=200), st.binary(max_size=300)),
    )
)
def test_any_bytes_are_a_mail_or_are_refused(raw: bytes) -> None:
    try:
        mail = parse_mail(raw)
    except UnreadableMail:
        return
    read_reply(mail.headers, mail.subject, mail.text, mail.received_at or 0)


HOSTILE = {
    "one word": "a", "empty lines": "\n", "quotes": "> ", "attributions": "On 1 a wrote:\n", "heads": "From: a\nSent: b\n",
    "addresses": "a@", "dates": "until 12.05. ", "digits": "1", "full stops": ". ", "return cues": "back on ", "blanks": " ",
    "tags": "<", "negations": "no ", "closings": "best regards a b\n", "thanks": "thanks\n", "pointers": "please contact ",
    "codes": "user unknown 550 5.1.1 ", "rules": "---", "underscores": "_", "relative": "in 3 months ", "buts": "good but bad ",
    "apostrophes": "'", "mays": "may ", "swedish": "tillbaka den 7 x ", "interest": "not interested but ", "links": "http://",
    "brackets": "[(", "unsubscribe": "click unsubscribe ", "names": "Contact Ab Cd ", "accents": "é", "emoji": "👍",
}  # fmt: skip


SENDERS: tuple[dict[str, str], ...] = (
    {},
    {"Auto-Submitted": "auto-replied"},
    {"X-Failed-Recipients": "a", "From": "mailer-daemon@x"},
)


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE.keys())
def test_ten_megabytes_are_read_in_bounded_time(piece: str) -> None:
    warm_up()
    text = piece * (10_000_000 // len(piece))
    for headers in SENDERS:
        began = time.process_time()
        read_reply(headers, text[:100_000], text, 1_787_130_000_000)
        assert time.process_time() - began < 0.05, headers
