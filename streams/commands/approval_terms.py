"""What an approval says, what it replaces, and whether it is in force: as the gate has it, before anything is written.

Law of this module: the latest word on a content, a segment and a channel counts, and an approval never changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import NamedTuple

import msgspec

from streams.commands.signing import did_you_mean, signature, utc, warn
from streams.core.approvals import DAY_MS, is_in_force
from streams.core.context import Approval, Context
from streams.core.policy import CompiledPolicy
from streams.errors import LeadlaneError
from streams.kafka.control import Stamp

IN_FORCE = "in force"


class BadApproval(LeadlaneError):
    """What was asked for cannot be an approval."""

    exit_code = 2


class Terms(NamedTuple):
    """What an approval says, without who, why and when."""

    content_hash: str
    segment_hash: str | None
    conditions: tuple[str, ...]
    audience_size: int
    channel: str | None
    policy_version: str | None
    expires_at: int | None
    second_actor: str | None


def check_people(actor: str, second_actor: str | None) -> None:
    """Four eyes are not the same two twice."""
    if second_actor is not None and second_actor.casefold() == actor.casefold():
        raise BadApproval(f"--second-actor: expected another person than --actor, got {second_actor!r} for both.")


def check_conditions(conditions: Iterable[str], policy: CompiledPolicy | None) -> None:
    """BadApproval unless the active policy sends requests to a person for each of them."""
    if policy is None:
        warn(["no active policy that this version can use: the conditions are not checked. See `leadlane doctor`."])
        return
    known = {row.id: row.code for row in policy.conditions if row.effect == "review"}
    by_code = {code: row for row, code in known.items()}
    listed = ", ".join(f"{row} {code}" for row, code in known.items()) or "none"
    for name in conditions:
        if name not in known:
            hint = f" Did you mean {by_code[name]}?" if name in by_code else did_you_mean(name, known)
            raise BadApproval(
                f"--condition: expected one for which policy {policy.version} asks a person ({listed}), got"
                f" {name!r}.{hint}"
            )


def expiry(text: str | None, now: int) -> int | None:
    """The end of the last day, ms UTC: of a date, or so many days from today. BadApproval for what is over."""
    if text is None:
        return None
    today = now // DAY_MS
    days = re.fullmatch(r"([1-9]\d{0,4})\s?d", text.strip())
    try:
        last = today + int(days[1]) if days else (date.fromisoformat(text.strip()) - date(1970, 1, 1)).days
    except ValueError:
        last = -1
    if last < today:
        raise BadApproval(f"--expires: expected a day from today on such as 2026-12-31, or 90d, got {text!r}.")
    return (last + 1) * DAY_MS


def granted(
    terms: Terms, stamp: Stamp, approval_id: str | None, standing: Mapping[str, Approval]
) -> tuple[Approval, Approval | None]:
    """The approval to write, and the one that says the same already, if there is one.

    The same terms by the same person for the same reason on the same day are one approval, said twice.
    """
    new = Approval(approval_id=approval_id or "", status="approved", **terms._asdict(), **stamp._asdict())
    others = list(same_subject(new, standing.values()))
    there = standing.get(approval_id) if approval_id else None
    if there is not None:
        check_untouched(there, terms, others)
    else:
        there = next((other for other in others if _is_repeat(new, other, others)), None)
    at = max([stamp.at, *(other.at + 1 for other in others)])  # the latest word, whatever other clocks said
    return msgspec.structs.replace(new, approval_id=approval_id or _id_of(terms, at), at=at), there


def check_untouched(there: Approval, terms: Terms, others: Iterable[Approval]) -> None:
    """BadApproval unless `there` says these terms and still counts: an id is never used for something else."""
    newer = next((other for other in others if covers(other, there) and rank(other) > rank(there)), None)
    if there.status == "approved" and _terms(there) == _normal(terms) and newer is None:
        return
    state = there.status if newer is None else f"replaced by {newer.approval_id}"
    raise BadApproval(
        f"--id: {there.approval_id} is taken: {state}, {described(there)}, {signature(there)}. An approval never"
        " changes: leave --id out, or give another."
    )


def revoked(there: Approval, stamp: Stamp, others: Iterable[Approval]) -> Approval:
    """The revocation of an approval, the latest word on its subject; its reason keeps who approved."""
    by = f"{there.actor} and {there.second_actor}" if there.second_actor else there.actor
    reason = f"{stamp.reason} (was approved by {by} at {utc(there.at)}: {there.reason})"
    at = max([stamp.at, there.at + 1, *(other.at + 1 for other in others)])
    return msgspec.structs.replace(there, status="revoked", actor=stamp.actor, reason=reason, at=at)


def same_subject(approval: Approval, others: Iterable[Approval]) -> Iterator[Approval]:
    """What else was said of the same content and segment, on a channel that both are about."""
    for other in others:
        same = (other.content_hash, other.segment_hash) == (approval.content_hash, approval.segment_hash)
        if same and other.approval_id != approval.approval_id and (covers(other, approval) or covers(approval, other)):
            yield other


def state_of(approval: Approval, every: Iterable[Approval], context: Context | None, now: int) -> str:
    """In force, or why it is not."""
    if approval.status != "approved":
        return approval.status
    later = [other for other in same_subject(approval, every) if rank(other) > rank(approval)]
    over = next((other for other in later if covers(other, approval)), None)
    if over is not None:
        return f"replaced by {over.approval_id}"
    if approval.expires_at is not None and approval.expires_at <= now:
        return "expired"
    if context is None:
        return "no active policy"
    if not is_in_force(approval, context, now):
        other_policy = approval.policy_version not in (None, context.policy.version)
        return f"only under policy {approval.policy_version}" if other_policy else "too old for the policy"
    return f"{IN_FORCE}, but for {', '.join(sorted({other.channel or '' for other in later}))}" if later else IN_FORCE


def described(approval: Approval) -> str:
    """content c1 for segment s1, N13, 500 persons, email, to 2026-12-31."""
    segment = f"segment {approval.segment_hash}" if approval.segment_hash else "no segment"
    parts = [
        f"content {approval.content_hash} for {segment}",
        ", ".join(approval.conditions) or "no condition",
        f"{approval.audience_size:,} person{'s' if approval.audience_size != 1 else ''}",
        approval.channel or "every channel",
    ]
    if approval.policy_version is not None:
        parts.append(f"policy {approval.policy_version}")
    if approval.expires_at is not None:
        parts.append(f"to {_last_day(approval.expires_at)}")
    return ", ".join(parts)


def covers(wide: Approval, narrow: Approval) -> bool:
    """Whether what `wide` says holds on every channel of `narrow`."""
    return wide.channel in (None, narrow.channel)


def rank(approval: Approval) -> tuple[int, str]:
    """The order of words on one subject, as the gate has it."""
    return approval.at, approval.approval_id


def _is_repeat(new: Approval, other: Approval, others: Iterable[Approval]) -> bool:
    said = (_terms(other), other.status, other.actor, other.reason, other.at // DAY_MS)
    latest = all(rank(each) <= rank(other) for each in others)
    return latest and said == (_terms(new), "approved", new.actor, new.reason, new.at // DAY_MS)


def _terms(approval: Approval) -> Terms:
    return _normal(Terms(*(getattr(approval, name) for name in Terms._fields)))


def _normal(terms: Terms) -> Terms:
    return terms._replace(conditions=tuple(sorted(set(terms.conditions))))


def _id_of(terms: Terms, at: int) -> str:
    said = "\0".join((terms.content_hash, terms.segment_hash or "", terms.channel or "", str(at)))
    return f"approval-{sha256(said.encode()).hexdigest()[:12]}"


def _last_day(expires_at: int) -> str:
    """The day whose end is meant; the moment where it is another."""
    moment = datetime.fromtimestamp(expires_at / 1000, UTC)
    if expires_at % DAY_MS:
        return moment.isoformat(timespec="minutes")
    return datetime.fromtimestamp(expires_at / 1000 - 1, UTC).date().isoformat()
