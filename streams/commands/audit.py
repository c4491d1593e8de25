"""`leadlane audit`: is what was recorded still what the lanes wrote?"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import click

from streams.commands.options import brokers_option
from streams.core.effects import ErasureReceipt
from streams.core.erasure import lead_hash
from streams.errors import BadSettings, LeadlaneError
from streams.kafka.audit import Verified, verify_partition
from streams.kafka.codec import wire_for
from streams.kafka.reader import Reader
from streams.settings import load_settings
from streams.topics import DECISIONS, RECEIPTS
from streams.whatif.window import time_from, time_text

BROKEN = 1


class NoSuchReceipt(LeadlaneError):
    """No receipt is of this lead and salt."""


@click.group()
def audit() -> None:
    """Prove that decisions were not changed; find the receipt of an erasure."""


@audit.command("verify")
@click.option("--partition", type=click.IntRange(min=0), help="Only this one; all unless said.")
@click.option("--since", metavar="T", help="From this time on: 2026-11-01, 2026-11-01T09:00Z, -7d, -12h.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@brokers_option
@click.pass_context
def verify(ctx: click.Context, partition: int | None, since: str | None, as_json: bool, brokers: str | None) -> None:
    """Prove the chain of hashes through `decisions`. Exit code 1 where it does not hold."""
    settings, began = load_settings(brokers=brokers), time.monotonic()
    at = None if since is None else time_from(since, time.time_ns() // 1_000_000)
    with Reader(settings) as reader:
        lanes = reader.partitions(DECISIONS.name)
        if partition is not None and partition >= lanes:
            raise BadSettings(f"--partition {partition}: expected one below {lanes}, as many as {DECISIONS.name} has.")
        wanted = range(lanes) if partition is None else [partition]
        found = [verify_partition(reader, number, at) for number in wanted]
    broken = [one for one in found if one.broken]
    if as_json:
        whole = {"verified": sum(one.verified for one in found), "broken": len(broken)}
        click.echo(json.dumps({**whole, "partitions": [one._asdict() for one in found]}, indent=1))
    else:
        for line in told(found, time.monotonic() - began):
            click.echo(line)
    if broken:
        ctx.exit(BROKEN)


@audit.command("receipt")
@click.argument("lead_id")
@click.option("--salt", required=True, help="As the request named it: `leadlane forget` prints it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@brokers_option
def receipt(lead_id: str, salt: str, as_json: bool, brokers: str | None) -> None:
    """Find the receipts that say that LEAD_ID was erased. Nobody can without the salt."""
    settings = load_settings(brokers=brokers)
    wire, wanted = wire_for(settings), lead_hash(lead_id, salt)
    found = []
    with Reader(settings) as reader:
        for message in reader.read(RECEIPTS.name):
            record = wire.decode_any(RECEIPTS.name, message.value())
            assert isinstance(record, ErasureReceipt)
            if record.lead_hash == wanted:
                found.append(record)
    if not found:
        raise NoSuchReceipt(
            f"{RECEIPTS.name} has no receipt of {lead_id!r} under this salt. Compare both with what `leadlane forget`"
            " printed; a request without a salt has a receipt without a hash, to be found by its request id."
        )
    for one in found:
        click.echo(json.dumps(plain(one)) if as_json else in_words(one))


def told(found: list[Verified], seconds: float) -> Iterator[str]:
    """What is proved, line by line."""
    for one in found:
        yield f"{DECISIONS.name}[{one.partition}]: {_said(one)}"
    broken, verified = sum(bool(one.broken) for one in found), sum(one.verified for one in found)
    rate = f"{verified / seconds:,.0f} a second" if seconds > 0 else "-"
    verdict = f"{broken} of {len(found)} chains DO NOT HOLD" if broken else "every chain holds"
    yield f"{verified:,} decisions verified in {seconds:.1f} s ({rate}): {verdict}."


def _said(one: Verified) -> str:
    before = f"{one.unchained:,} decisions of a release without a chain, then " if one.unchained else ""
    if one.broken:
        where = "at its end" if one.broken_at == -1 else f"at offset {one.broken_at}"
        return f"BROKEN {where}: {before}{one.verified:,} verified from offset {one.first}; it {one.broken}"
    if one.first is None:
        return f"{before}nothing that is chained is kept"
    start = f"from its beginning at offset {one.first}"
    anchor = f"after offset {one.first}, the anchor: what came before is no longer kept, or was not asked for"
    return f"{before}{one.verified:,} verified {start if one.is_whole else anchor}; head {one.head[:16]}"


def plain(record: ErasureReceipt) -> dict[str, object]:
    """A receipt as JSON."""
    times = {name: time_text(getattr(record, name)) for name in ("requested_at", "erased_at")}
    return {name: getattr(record, name) for name in record.__struct_fields__} | times


def in_words(record: ErasureReceipt) -> str:
    """A receipt in a line."""
    counts = (
        f"{record.holds} holds, {record.cases_closed} cases closed, {record.requests_denied} requests denied,"
        f" {record.keys_shredded} keys destroyed"
    )
    ground = ", ".join(part for part in (record.basis, record.ticket) if part)
    done = "erased" if record.was_held else "nothing was held"
    return (
        f"{time_text(record.erased_at)} request {record.request_id}: {done}"
        f" ({counts}){f', {ground}' if ground else ''}; decision {record.decision_id}"
    )
