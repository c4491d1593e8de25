"""`leadlane replies` on files and folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.commands.replies import replies

OOO = (
    b"From: a@b.example\nDate: Wed, 19 Aug 2026 09:00:00 +0000\nSubject: Automatic reply: x\n\nBack on 14 September.\n"
)
NO = b"From: c@d.example\nDate: Wed, 19 Aug 2026 09:00:00 +0000\nSubject: Re: x\n\nNot interested.\n"


@pytest.fixture
def mails(tmp_path: Path) -> Path:
    (tmp_path / "a.eml").write_bytes(OOO)
    (tmp_path / "b.eml").write_bytes(NO)
    (tmp_path / "note.txt").write_text("Please remove me from your list.")
    return tmp_path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(replies, [str(a) for a in arguments])


def test_a_folder_is_read_with_evidence_and_a_summary(mails: Path) -> None:
    result = run(mails)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0].split()[:4] == ["ooo", "0.92", "machine", "a.eml"]
    assert "    until 2026-09-14" in lines
    assert "    text: not_interested.en: Not interested" in lines
    assert "2 mails" in result.output


def test_json_is_one_object_a_mail(mails: Path) -> None:
    rows = [json.loads(line) for line in run(mails, "--json").output.splitlines()]
    assert [(row["file"], row["reply_class"], row["until"]) for row in rows] == [
        ("a.eml", "ooo", "2026-09-14"),
        ("b.eml", "not_interested", None),
    ]


def test_bare_bodies_are_read_on_request(mails: Path) -> None:
    assert "unsubscribe" in run(mails, "--bodies").output


def test_an_mbox_is_read_mail_by_mail(tmp_path: Path) -> None:
    path = tmp_path / "box.mbox"
    path.write_bytes(b"From x Wed Aug 19 09:00:00 2026\n" + OOO + b"\nFrom y Wed Aug 19 09:00:00 2026\n" + NO)
    rows = [json.loads(line) for line in run(path, "--json").output.splitlines()]
    assert [(row["file"], row["reply_class"]) for row in rows] == [
        ("box.mbox[1]", "ooo"),
        ("box.mbox[2]", "not_interested"),
    ]


def test_what_is_no_mail_costs_one_line_and_the_exit_code_and_the_rest_is_read(mails: Path) -> None:
    (mails / "c.eml").write_bytes(b"\x89PNG\r\n\x1a\n")
    result = run(mails, "--json")
    assert result.exit_code == 1
    assert result.stdout.count("reply_class") == 2
    assert "UnreadableMail" in result.stderr
    assert "c.eml: expected a mail with header fields" in result.stderr
    assert "1 of 3 files could not be read." in result.stderr


def test_a_missing_file_and_an_empty_folder_are_told(tmp_path: Path) -> None:
    missing = run(tmp_path / "none.eml")
    assert (missing.exit_code, "none.eml" in missing.stderr) == (1, True)
    empty = run(tmp_path)
    assert (empty.exit_code, "No mail found: expected .eml, .mbox files" in empty.stderr) == (1, True)
