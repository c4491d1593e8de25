"""The reader on real mails: figures that must not get worse. The mails are not part of the project."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.core.reading import Reading, ReplyClass, parse_mail, read_reply

MAILS = Path(__file__).parents[3] / "shared" / "data" / "mails.tar.gz"
AT = 1_787_130_000_000
pytestmark = pytest.mark.skipif(not MAILS.exists(), reason=f"needs the real mails at {MAILS} (not part of the project)")


def _files(folder: str) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(MAILS) as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member)
            name = Path(member.name).name
            if file is not None and f"/{folder}/" in f"/{member.name}" and name != "LICENSE":
                yield name, file.read()


def _read(raw: bytes) -> Reading:
    mail = parse_mail(raw)
    return read_reply(mail.headers, mail.subject, mail.text, mail.received_at or AT)


def test_every_bounce_is_found_and_every_provider_complaint_stops() -> None:
    readings = {name: _read(raw) for name, raw in _files("bounces")}
    assert len(readings) >= 155
    others = {name: r.reply_class for name, r in readings.items() if r.reply_class is not ReplyClass.BOUNCE}
    # feedback reports are complaints or opt-outs, no bounces
    assert all(name.startswith("arf-") or name == "lhost-amazonses-11.eml" for name in others), others
    assert set(others.values()) <= {ReplyClass.COMPLAINT, ReplyClass.UNSUBSCRIBE}
    assert all(r.is_automatic for r in readings.values())


def test_every_automatic_reply_is_known() -> None:
    readings = {name: _read(raw) for name, raw in _files("auto-replies")}
    assert {name for name, r in readings.items() if not r.is_automatic} == set()
    classes = sorted(r.reply_class.value for r in readings.values())
    assert classes == ["left_company", "left_company", "ooo", "ooo", "ooo", "ooo"]
    assert sum(r.until is not None for r in readings.values()) == 4


def test_no_person_is_taken_for_a_machine() -> None:
    bodies = [
        read_reply({}, "Re: x", raw.decode("utf-8", "replace"), AT) for name, raw in _files("human-reply-trimmer")
    ]
    talon = [_read(raw) for name, raw in _files("human-talon") if name.endswith(".eml")]
    assert len(bodies) >= 64
    assert len(talon) >= 10
    assert [r for r in (*bodies, *talon) if r.is_automatic] == []
    # forum talk: nobody asks to stop, complains or has left
    alarms = {ReplyClass.UNSUBSCRIBE, ReplyClass.COMPLAINT, ReplyClass.LEFT_COMPANY, ReplyClass.NOT_INTERESTED}
    assert sum(r.reply_class in alarms for r in bodies) <= 1
