"""What happens to simulated leads: rows of (name, how often, to whom, what it writes).

Law of this module: `weight` is how often a row is chosen, out of the sum of all; a row writes one event or a small
story of (delay in ms, event). Functions read only the pen, never a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any, NamedTuple

from streams.core.events import (
    ActivityKind,
    ActivitySignal,
    Event,
    IntentSignal,
    LeadProfile,
    OotoSignal,
    OutcomeLabel,
    OutreachRequest,
    ReplySignal,
    ScoreSignal,
    SentimentSignal,
)
from streams.demo import mails
from streams.demo.world import Lead

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

APPROVED = (
    ("content-spring", "segment-europe"),
    ("content-webinar", "segment-all"),
    ("content-renewal", "segment-all"),
)
APPROVED_AUDIENCE = 400


class Pen:
    """Writes events of one lead at one time; event ids count up, so that the same seed writes the same ids."""

    def __init__(self, random: Random, run: str, ends_at: int) -> None:
        self.random = random
        self.run = run
        self.ends_at = ends_at  # of the simulated time
        self.written = 0
        self.at = 0
        self.lead: Lead

    def common(self, source: str, delay: int = 0) -> dict[str, Any]:
        self.written += 1
        return {
            "event_id": f"{self.run}-{self.written}",
            "lead_id": self.lead.lead_id,
            "occurred_at": self.at + delay,
            "source": source,
        }

    def near(self, value: float, spread: float = 2.0) -> float:
        """`value` give or take `spread`, within 0..100."""
        return round(min(100.0, max(0.0, value + (self.random.random() * 2 - 1) * spread)), 1)

    def day(self, first: int, last: int) -> int:
        """A day from `first` to `last` days after now, as days since 1970-01-01."""
        return self.at // DAY + self.random.randint(first, last)


Story = Iterable[tuple[int, Event]]
Write = Callable[[Pen], Story]


class Happening(NamedTuple):
    name: str
    weight: float
    write: Write
    kinds: tuple[str, ...] = ()  # of leads; empty: all


def profile(pen: Pen) -> LeadProfile:
    """What the platform knows of the lead; an incomplete one lacks what N03 asks for."""
    lead = pen.lead
    account = lead.account
    complete = lead.kind.name != "incomplete"
    return LeadProfile(
        **pen.common("crm"),
        email=lead.email,
        email_verified=True if complete else None,
        company=account.company if complete else None,
        account_id=account.account_id,
        title=lead.title,
        department=lead.department,
        country=account.place.country if complete else None,
        time_zone=account.place.time_zone,
        language=account.place.language,
        stage=lead.kind.stage,  # type: ignore[arg-type]
        vip=lead.kind.name == "vip",
        target_account=account.target,
        owner=account.owner,
        duplicate_of="L000000" if lead.kind.name == "probable duplicate" else None,
        amount_hint=250_000.0 if lead.kind.name == "high value" else None,
        segments=("minors",) if lead.kind.name == "sensitive" else (),
        attributes={"industry": account.industry},
        consent=lead.consent,
    )


def other_source(pen: Pen) -> Story:
    """Another system states another country."""
    yield 0, LeadProfile(**pen.common("billing"), country="NL")


def arrival(pen: Pen) -> Story:
    """How a lead comes in: its profile, and in the hours after it the first scores."""
    kind = pen.lead.kind
    yield 0, profile(pen)
    yield 2 * HOUR, _score(pen, "fit", kind.fit, 2 * HOUR)
    yield 3 * HOUR, _score(pen, "engagement", kind.engagement, 3 * HOUR)
    yield 4 * HOUR, _score(pen, "vendor", (kind.fit + kind.engagement) / 2, 4 * HOUR)
    yield 5 * HOUR, _intent(pen, kind.intent, delay=5 * HOUR)


def _score(pen: Pen, kind: Any, value: float, delay: int = 0) -> ScoreSignal:
    confidence = round(0.8 + pen.random.random() * 0.19, 2)
    return ScoreSignal(
        **pen.common("marketo", delay), kind=kind, value=pen.near(value), confidence=confidence, model_id="m-7"
    )


def _intent(pen: Pen, strength: float, level: Any = "person", delay: int = 0) -> IntentSignal:
    topic = pen.random.choice(("logistics software", "data quality", "pricing comparison"))
    common = pen.common("bombora", delay)
    return IntentSignal(**common, strength=pen.near(strength), level=level, topic=topic, confidence=0.85)


def _activity(pen: Pen, kind: ActivityKind, delay: int = 0, **fields: Any) -> ActivitySignal:
    return ActivitySignal(**pen.common("hubspot", delay), kind=kind, **fields)


def activity(kind: ActivityKind, **fields: Any) -> Write:
    return lambda pen: ((0, _activity(pen, kind, **fields)),)


def reply(rows: tuple[mails.Mail, ...], days: tuple[int, int] = (2, 18)) -> Write:
    """A mail from one of `rows`, in the lead's language where there is one."""

    def write(pen: Pen) -> Story:
        language = pen.lead.account.place.language
        mail = pen.random.choice([row for row in rows if row.language == language] or rows)
        text = mail.text.replace("{date}", mails.written(pen.day(*days), mail.language))
        headers = {"From": pen.lead.email, **mail.headers}
        yield 0, ReplySignal(**pen.common("mailbox"), headers=headers, subject=mail.subject, text=text)

    return write


def ooto(kind: Any, days: tuple[int, int] | None = None) -> Write:
    return lambda pen: (
        (0, OotoSignal(**pen.common("mailbox"), kind=kind, return_on=pen.day(*days) if days else None)),
    )


def stale_ooto(pen: Pen) -> Story:
    """A mail server delivers week-old notes: their seven days end while somebody watches, so that holds are lifted."""
    delay = pen.ends_at - 7 * DAY - pen.random.randint(0, 20 * SECOND) - pen.at
    if delay < 0:
        yield 0, OotoSignal(**pen.common("mailbox", delay), kind="ooo")


def sent(pen: Pen) -> Story:
    """A mail of the running cadence, and often what the lead does with it."""
    yield 0, _activity(pen, "sent")
    if pen.random.random() < 0.5:
        yield 40 * MINUTE, _activity(pen, "opened", 40 * MINUTE)


def burst(pen: Pen) -> Story:
    """Somebody reads through the site in a minute."""
    for step in range(pen.random.randint(6, 12)):
        yield step * 5 * SECOND, _activity(pen, "page_viewed", step * 5 * SECOND, channel="web")


def bot(pen: Pen) -> Story:
    """A scanner clicks everything: more than 20 events in a minute, wherever the minute begins."""
    for step in range(45):
        yield step * 400, _activity(pen, "clicked", step * 400)


def meeting(pen: Pen) -> Story:
    ref = f"meeting-{pen.written}"
    begins = pen.random.randint(1, 6) * DAY
    yield 0, _activity(pen, "meeting_booked", channel="meeting", ref=ref, ends_at=pen.at + begins + HOUR)
    yield begins + HOUR, _activity(pen, "meeting_held", begins + HOUR, channel="meeting", ref=ref)


def ticket(severity: int) -> Write:
    def write(pen: Pen) -> Story:
        ref = f"ticket-{pen.written}"
        yield 0, _activity(pen, "ticket_opened", channel="web", ref=ref, severity=severity)
        yield 2 * DAY, _activity(pen, "ticket_closed", 2 * DAY, channel="web", ref=ref, severity=severity)

    return write


def opportunity(pen: Pen) -> Story:
    ref = f"opportunity-{pen.written}"
    yield 0, _activity(pen, "opportunity_opened", channel="other", ref=ref, by="rep", value=40_000.0)
    yield 9 * DAY, _activity(pen, "opportunity_closed", 9 * DAY, channel="other", ref=ref, by="rep")
    yield 9 * DAY, OutcomeLabel(**pen.common("crm", 9 * DAY), outcome=pen.random.choice(("won", "lost")))


def request(**fields: Any) -> Write:
    """A step of a cadence asks whether it may go out; without fields its content is approved."""

    def write(pen: Pen) -> Story:
        content, segment = pen.random.choice(APPROVED)
        known = {"content_hash": content, "segment_hash": segment, "audience_size": APPROVED_AUDIENCE}
        created = {"content_created_at": pen.at - 2 * DAY, "cadence_id": "nurture-1", "template_id": content}
        yield 0, OutreachRequest(**pen.common("marketo"), channel="email", **{**known, **created, **fields})

    return write


HAPPENINGS = (
    Happening("send and open", 2300, sent),
    Happening("opened", 900, activity("opened")),
    Happening("clicked", 700, activity("clicked")),
    Happening("page viewed", 1900, activity("page_viewed", channel="web")),
    Happening("form submitted", 60, activity("form_submitted", channel="web")),
    Happening("engagement score", 1500, lambda pen: ((0, _score(pen, "engagement", pen.lead.kind.engagement)),)),
    Happening("fit score", 350, lambda pen: ((0, _score(pen, "fit", pen.lead.kind.fit)),)),
    Happening("vendor score", 200, lambda pen: ((0, _score(pen, "vendor", pen.lead.kind.fit)),)),
    Happening("intent", 600, lambda pen: ((0, _intent(pen, pen.lead.kind.intent)),)),
    Happening("account intent", 100, lambda pen: ((0, _intent(pen, pen.lead.kind.intent, "account")),)),
    Happening("sentiment", 120, lambda pen: ((0, SentimentSignal(**pen.common("gong"), value=0.3, confidence=0.8)),)),
    Happening("profile again", 200, lambda pen: ((0, profile(pen)),)),
    Happening("request, approved content", 450, request()),
    Happening("request, transactional", 60, request(purpose="transactional")),
    Happening("burst", 40, burst),
    Happening("soft bounce", 15, activity("bounce_soft")),
    Happening("meeting", 10, meeting),
    Happening("out of office, dated", 14, ooto("ooo", (2, 18))),
    Happening("out of office, undated", 6, ooto("ooo")),
    Happening("out of office, a week late", 15, stale_ooto),
    Happening("out of office, date past", 2, ooto("ooo", (-30, -3))),
    Happening("out-of-office mail, dated", 20, reply(mails.OOO_DATED)),
    Happening("out-of-office mail, undated", 8, reply(mails.OOO_UNDATED)),
    Happening("automatic acknowledgement", 10, reply(mails.AUTO_ACK)),
    Happening("left company", 1, reply(mails.LEFT_COMPANY)),
    Happening("not interested", 4, reply(mails.NOT_INTERESTED)),
    Happening("not now, dated", 4, reply(mails.NOT_NOW_DATED, (30, 90))),
    Happening("not now", 3, reply(mails.NOT_NOW)),
    Happening("unsubscribe, click", 7, activity("unsubscribe")),
    Happening("unsubscribe, mail", 2, reply(mails.UNSUBSCRIBE)),
    Happening("hard bounce", 3, activity("bounce_hard")),
    Happening("interested", 4, reply(mails.INTERESTED)),
    Happening("pricing", 4, reply(mails.PRICING)),
    Happening("angry", 1.5, reply(mails.ANGRY)),
    Happening("legal threat", 0.5, reply(mails.LEGAL_THREAT)),
    Happening("complaint", 1, activity("complaint")),
    Happening("referral", 1.5, reply(mails.REFERRAL)),
    Happening("wants a person", 0.7, reply(mails.WANTS_A_PERSON)),
    Happening("unclear", 1, reply(mails.UNCLEAR)),
    Happening("objection", 0.5, activity("objection")),
    Happening("erasure", 0.5, activity("erasure_requested", channel="web")),
    Happening("bot", 1.5, bot),
    Happening("another source disagrees", 300, other_source, ("disputed",)),
    Happening("opportunity", 2, opportunity, ("hot", "warm", "high value")),
    Happening("severe ticket", 40, ticket(1), ("customer",)),
    Happening("mild ticket", 60, ticket(4), ("customer",)),
    Happening("satisfied", 60, activity("csat", channel="web", value=5.0), ("customer",)),
    Happening("unsatisfied", 12, activity("csat", channel="web", value=1.0), ("customer",)),
    Happening("detractor", 12, activity("nps", channel="web", value=4.0), ("customer",)),
    Happening("request, new content", 2.5, request(content_hash="content-draft", segment_hash="segment-new")),
    Happening("request, bulk", 1.5, request(audience_size=25_000, segment_hash="segment-world")),
)
