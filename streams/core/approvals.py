"""Which audited approval an outreach request may stand on."""

from __future__ import annotations

from streams.core.context import Approval, Context
from streams.core.events import OutreachRequest

DAY_MS = 86_400_000


def find_approval(request: OutreachRequest, context: Context, now: int) -> Approval | None:
    """The approval of exactly this content for exactly this segment, if one is in force at `now`.

    The latest word counts: a denial or revocation after an approval voids it. Audience growth does not (N13 judges it).
    """
    found = context.approvals.get((request.content_hash, request.segment_hash or ""), ())
    latest = max(
        (approval for approval in found if approval.channel in (None, request.channel)),
        key=lambda approval: (approval.at, approval.approval_id),
        default=None,
    )
    return latest if latest is not None and is_in_force(latest, context, now) else None


def is_in_force(approval: Approval, context: Context, now: int) -> bool:
    """Whether the approval is one, of the active policy where it names one, and neither expired nor too old."""
    policy = context.policy
    return (
        approval.status == "approved"
        and approval.policy_version in (None, policy.version)
        and (approval.expires_at is None or now < approval.expires_at)
        and now < approval.at + policy.gate.approval_days * DAY_MS
    )


def growth_of(request: OutreachRequest, approval: Approval) -> float:
    """How much larger the audience is than approved, as a share of what was approved; below 0 when smaller."""
    return request.audience_size / max(approval.audience_size, 1) - 1
