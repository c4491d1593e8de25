"""Salesforce: Change Data Capture and platform events, however they are relayed: EventBridge, Pub/Sub API or CometD.

Law of this module: one item per changed record, the same whether events come one by one, together or in another order;
and nothing that Salesforce says it lost stays silent: gap and overflow events become resync requests.

What surprises (Change Data Capture Developer Guide): one event may change several records, and its recordIds may be a
wildcard (`001*`); Pub/Sub API names every field, unchanged ones as null, and states those that changed as bits that
only its client can decode; large texts come as a diff (diffFields), which is no value; overflow events bear the empty
record id; a conversion is four events of one transactionKey, of which the last, the lead's own, names the three records
that were made: that one is `Lead.CONVERT`, the meaning of all four, and the others say what the new records hold.

Kinds: `Lead.CREATE`, `Lead.UPDATE`, `Lead.DELETE`, `Lead.UNDELETE`, `Lead.CONVERT`, and a platform event's API name.
"""

from __future__ import annotations

from typing import Any, Literal, Self

import msgspec

from streams.core.resync import ResyncRequest
from streams.gateway.config import SourceConfig
from streams.gateway.payloads import at_path, digest_of, id_from, millis_from, objects_from, text_at
from streams.gateway.platform import Incoming, Item, Options, Reading, Unmappable, options_of
from streams.gateway.signing import Auth, check_of

HEADER = "ChangeEventHeader"
CHANGES = frozenset({"CREATE", "UPDATE", "DELETE", "UNDELETE"})
GAPS = frozenset({f"GAP_{change}" for change in CHANGES})
OVERFLOW = "GAP_OVERFLOW"
MADE = ("ConvertedAccountId", "ConvertedContactId", "ConvertedOpportunityId")
MOST_RECORDS = 10_000  # of one event; Salesforce merges by second and transaction


class SalesforceOptions(Options):
    """`origin_ignored`: changes that this client id made (changeOrigin) are ours and say nothing new."""

    auth: Auth
    origin_ignored: tuple[str, ...] = ()


class Salesforce:
    """One or many events per request, each as its relay has it."""

    methods = frozenset({"POST"})

    def __init__(self, source: str, options: SalesforceOptions) -> None:
        self._source, self._options, self._check = source, options, check_of(options.auth)

    @classmethod
    def from_config(cls, source: SourceConfig) -> Self:
        return cls(source.name, options_of(source, SalesforceOptions))

    def authenticate(self, incoming: Incoming) -> None:
        self._check(incoming)

    def read(self, incoming: Incoming) -> Reading:
        items: list[Item] = []
        left: list[Unmappable] = []
        resync: list[ResyncRequest] = []
        messages = objects_from(incoming.body)
        for message in messages:
            payload, name = _unwrapped(message)
            header = payload.get(HEADER)
            if isinstance(header, dict):
                key = _key(message, header)
                fault = self._change(payload, header, key, incoming.received_at, items, resync)
            elif name or "CreatedDate" in payload:
                fault = _platform_event(payload, name, message, items)
            else:
                fault = f"there is neither a {HEADER} nor the name of a platform event, expected one of them"
            if fault:
                content = incoming.body if len(messages) == 1 else msgspec.json.encode(message)
                left.append(Unmappable(content, fault))
        return Reading(tuple(items), tuple(left), tuple(resync))

    def _change(
        self,
        payload: dict[str, Any],
        header: dict[str, Any],
        key: str,
        now: int,
        items: list[Item],
        resync: list[ResyncRequest],
    ) -> str:
        """Adds what a change event says; the fault, when it says nothing that can be understood."""
        entity, change = text_at(header, "entityName"), text_at(header, "changeType")
        ids = [each for each in _list(header, "recordIds") if isinstance(each, str) and each]
        at = millis_from(header.get("commitTimestamp"))
        if not entity or len(entity) > 100 or change not in CHANGES | GAPS | {OVERFLOW}:
            return (
                f"entityName is {entity[:50]!r} and changeType {change[:50]!r}, expected an object and a change of it"
            )
        if not ids or len(ids) > MOST_RECORDS:
            return f"recordIds has {len(ids):,} ids, expected 1 to {MOST_RECORDS:,}"
        if any(each in text_at(header, "changeOrigin") for each in self._options.origin_ignored):
            return ""
        if change not in CHANGES or any("*" in each for each in ids):
            resync.append(self._resync(entity, change, ids, at, key, now))
            return ""
        data = _fields(payload, header)
        kind = f"{entity}.{'CONVERT' if _is_conversion(entity, data) else change}"
        for record in ids:
            items.append(Item(kind, id_from(key, entity, record), at, {"Id": record, "entity": entity, **data}))
        return ""

    def _resync(self, entity: str, change: str, ids: list[str], at: int | None, key: str, now: int) -> ResyncRequest:
        whole = change == OVERFLOW or any("*" in each for each in ids)
        kind: Literal["gap", "overflow"] = "overflow" if whole else "gap"
        what = f"records of {entity} changed more than Salesforce tells"
        if not whole:
            what = f"{len(ids)} of {entity} changed, and Salesforce has no event of it"
        return ResyncRequest(
            request_id=id_from(key, entity, change),
            source=self._source,
            kind=kind,
            requested_at=now,
            entity=entity,
            record_ids=() if whole else tuple(each[:200] for each in ids),
            since=at,
            until=at,
            reason=f"{change}: {what}; read them again",
        )


def _unwrapped(message: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The payload and the event's name, out of the relay's wrapping."""
    for path in (("detail", "payload"), ("data", "payload"), ("payload",)):
        if isinstance(found := at_path(message, *path), dict):
            name = text_at(message, "detail-type") or text_at(message, "channel").rpartition("/")[2]
            return found, name if name.endswith("__e") else ""
    name = text_at(message, "eventApiName") or text_at(message, "channel").rpartition("/")[2]
    return message, name if name.endswith("__e") else ""


def _key(message: dict[str, Any], header: dict[str, Any]) -> str:
    """What makes a change unique: its place in its transaction, else in the stream, else its content."""
    if transaction := text_at(header, "transactionKey"):
        return f"{transaction}/{text_at(header, 'sequenceNumber')}"
    return _replay_id(message) or digest_of(msgspec.json.encode(message))


def _replay_id(message: dict[str, Any]) -> str:
    """Where the event stands in its stream, as each relay says it; empty when it does not."""
    places = (("detail", "event"), ("data", "event"), ("event",), ())
    return next((found for place in places if (found := text_at(message, *place, "replayId"))), "")


def _platform_event(payload: dict[str, Any], name: str, message: dict[str, Any], items: list[Item]) -> str:
    """A custom event: its id is the EventUuid, else where it stood in the stream (replayId)."""
    if not name or len(name) > 100:
        return (
            "this platform event does not say its name, expected detail-type, channel or eventApiName that ends in __e"
        )
    uuid = text_at(payload, "EventUuid") or text_at(message, "data", "event", "EventUuid")
    identity = uuid or _replay_id(message) or digest_of(msgspec.json.encode(payload))
    items.append(Item(name, id_from(name, identity), millis_from(payload.get("CreatedDate")), payload))
    return ""


def _fields(payload: dict[str, Any], header: dict[str, Any]) -> dict[str, Any]:
    """The fields that this event states. Of an update that is what is not null, and what became null by name."""
    diffs = set(map(str, _list(header, "diffFields")))
    nulled = {name for name in map(str, _list(header, "nulledFields")) if not name.startswith("0x")}
    changed = {name for name in map(str, _list(header, "changedFields")) if not name.startswith("0x")}
    stated = {
        name: value
        for name, value in payload.items()
        if name != HEADER and name not in diffs and (value is not None or name in nulled | changed)
    }
    return {**stated, "header": header}


def _is_conversion(entity: str, data: dict[str, Any]) -> bool:
    return entity == "Lead" and data.get("IsConverted") is True and any(data.get(name) for name in MADE)


def _list(value: dict[str, Any], name: str) -> list[Any]:
    found = value.get(name)
    return found if isinstance(found, list) else []
