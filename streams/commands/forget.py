"""`leadlane forget`: erase a lead through its lane, then say of every topic what is left and until when."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import click

from streams.commands.audit import in_words, plain
from streams.commands.options import brokers_option
from streams.errors import BadSettings
from streams.kafka.codec import wire_for
from streams.settings import load_settings

STILL_READABLE = 1
WAIT_SECONDS = 30.0
_folder = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("lead_id", metavar="LEAD")
@click.option("--reason", help="Why; stays in the audit record, so no personal words.")
@click.option("--actor", help="Who orders it; stays in the audit record.")
@click.option("--basis", help="Legal ground, for example 'GDPR 17(1)(b)'; stands on the receipt.")
@click.option("--ticket", help="Where the request is kept; stands on the receipt.")
@click.option("--exports", "folders", type=_folder, multiple=True, help="Also from this exported history; repeatable.")
@click.option("--only-exports", is_flag=True, help="Only from the exported histories; no broker is asked.")
@click.option("--wait", "seconds", type=click.FloatRange(min=0), default=WAIT_SECONDS, show_default=True,
              help="Seconds for the lane to answer.")  # fmt: skip
@click.option("--verify", is_flag=True, help="Erase nothing: read every topic, exit code 1 if anything can be read.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@brokers_option
@click.pass_context
def forget(
    ctx: click.Context, lead_id: str, reason: str | None, actor: str | None, basis: str | None, ticket: str | None,
    folders: tuple[Path, ...], only_exports: bool, seconds: float, verify: bool, as_json: bool, brokers: str | None,
) -> None:  # fmt: skip
    """Erase LEAD: its state, open cases, cadences and keys, in one transaction of its lane. Prints a receipt."""
    said: dict[str, Any] = {"lead_id": lead_id}
    if not only_exports:
        order = None if verify else _order(reason, actor, basis, ticket)
        said |= _on_kafka(lead_id, order, seconds, brokers)
    if folders:
        said["exports"] = _exports(folders, lead_id, verify)
    if as_json:
        click.echo(json.dumps(said, indent=1))
    else:
        for line in _lines(said):
            click.echo(line)
    if verify and not (said.get("clean", True) and not any(said.get("exports", {}).values())):
        ctx.exit(STILL_READABLE)


class Order(NamedTuple):
    """What a request says besides the lead."""

    actor: str
    reason: str
    basis: str | None
    ticket: str | None


def _order(reason: str | None, actor: str | None, basis: str | None, ticket: str | None) -> Order:
    if not (reason and actor):
        raise BadSettings("expected --reason and --actor, which the audit record needs; --verify erases nothing.")
    return Order(actor, reason, basis, ticket)


def _on_kafka(lead_id: str, order: Order | None, seconds: float, brokers: str | None) -> dict[str, Any]:
    """The receipt, if something was ordered, and what every topic says."""
    from streams.forget import telling
    from streams.forget.survey import timed
    from streams.kafka.reader import Reader

    settings = load_settings(brokers=brokers)
    with Reader(settings) as reader:
        receipt = {} if order is None else {"receipt": _erased(settings, reader, lead_id, order, seconds)}
        found = timed(settings, reader, wire_for(settings), lead_id)
    return {**receipt, **telling.as_json(found, time.time_ns() // 1_000_000)}


def _erased(settings: Any, reader: Any, lead_id: str, order: Order, seconds: float) -> dict[str, Any]:
    """Ask the lane, and wait for its receipt."""
    from streams.forget.request import await_receipt, new_request, place

    began = time.monotonic()
    request = new_request(lead_id, *order, time.time_ns() // 1_000_000)
    receipt = await_receipt(reader, wire_for(settings), place(settings, request), seconds)
    return {
        **plain(receipt), "salt": request.salt, "answered_seconds": round(time.monotonic() - began, 2),
        "words": in_words(receipt),
    }  # fmt: skip


def _exports(folders: tuple[Path, ...], lead_id: str, verify: bool) -> dict[str, int]:
    """By folder: how many records were taken out, or, with --verify, are there."""
    from streams.forget.exports import blank_export, records_in

    wire = wire_for(load_settings())
    return {
        str(folder): records_in(folder, lead_id, wire) if verify else blank_export(folder, lead_id, wire)
        for folder in folders
    }


def _lines(said: dict[str, Any]) -> list[str]:
    lines = []
    if "receipt" in said:
        receipt = said["receipt"]
        lines += [
            receipt["words"],
            f"receipt {receipt['request_id']}, salt {receipt['salt']}: keep both. With the lead's id they prove the"
            " receipt: `leadlane audit receipt`.",
        ]
    if "topics" not in said:
        return [f"{folder}: {count:,} records" for folder, count in said.get("exports", {}).items()]
    lines += [f"  {one['topic']:<20} {one['says']}" for one in said["topics"] if one["says"] != "nothing"]
    quiet = sum(one["says"] == "nothing" for one in said["topics"])
    rate = said["records_read"] / max(said["seconds"], 0.01)
    lines += [f"  {quiet} other topics say nothing of it",
              f"{said['records_read']:,} records read in {said['seconds']:.1f} s ({rate:,.0f} a second)"]  # fmt: skip
    lines += [f"{folder}: {count:,} records" for folder, count in said.get("exports", {}).items()]
    lines.append("Nothing personal can be read any more." if said["clean"] else "STILL READABLE: see above.")
    return lines
