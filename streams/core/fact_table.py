"""Every fact by name: its type, its default and what it means. docs/reference/policy-facts.md is generated from here.

Law of this module: a default speaks neither for nor against anybody. It is what stands in a fact that is not known.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from streams.core.moment import FactValue

FAR = 9999.0  # days: never, or not known


class Fact(NamedTuple):
    """One fact that expressions may use."""

    name: str
    type: Literal["number", "text", "flag"]
    default: str | float | bool
    unit: str  # unit and range; for text the values
    doc: str


def _number(name: str, default: float, unit: str, doc: str) -> Fact:
    return Fact(name, "number", default, unit, doc)


def _text(name: str, unit: str, doc: str) -> Fact:
    return Fact(name, "text", "", unit, doc)


def _flag(name: str, doc: str, default: bool = False) -> Fact:
    return Fact(name, "flag", default, "true, false", doc)


_DAYS = "days, 9999: never"

GROUPS: dict[str, tuple[Fact, ...]] = {
    "The event that is decided": (
        _text("event", "record name, or Tick", "what is decided, e.g. ScoreSignal; Tick when only time has passed"),
        _number("event_sentiment", 0, "-1..1", "sentiment that this event carries, of the last negative_window_days"),
        _text("reply_class", "class of the reply reader", "what this event says, if it is a reply"),
        _flag("mentions_pricing", "a person's reply is about price, discount, contract, security review or RFP"),
        _flag("mentions_referral", "a person's reply says that somebody else is the right person"),
        _flag("is_complaint", "this event is a spam complaint, or a reply that complains or threatens with law"),
        _flag("is_objection", "this event asks for a human, objects to profiling or asks for erasure"),
    ),
    "Who the lead is": (
        _text("stage", "acquire, qualify, engage, convert, expand", "stage in the customer's life"),
        _text("country", "ISO 3166-1 alpha-2", "country, empty when unknown"),
        _text("language", "BCP 47", "language, empty when unknown"),
        _text("title", "free text", "job title, as stated"),
        _text("department", "free text", "department, as stated"),
        _flag("vip", "declared VIP"),
        _flag("target_account", "the account is on the target list"),
        _number("amount_hint", 0, "policy currency, 0..1e12", "expected amount"),
        _number("missing_fields", 0, "0..4", "how many of verified email, company, country, consent are not recorded"),
        _text("missing", "names", "which ones"),
        _text("consent_basis", "consent, legitimate_interest, contract, none", "recorded basis, empty when none is"),
        _flag("is_role_mailbox", "the address is one of role_mailboxes, e.g. info@"),
        _flag("is_free_mail", "the address is at one of free_mail_domains"),
        _flag("is_competitor", "the address is at one of competitor_domains"),
        _flag("is_student", "the address is at one of student_domains"),
        _flag("is_duplicate", "a source says that this is probably another lead"),
        _flag("is_sensitive_segment", "one of the declared segments is in sensitive_segments"),
        _number("days_since_dispute", FAR, _DAYS, "since sources last disagreed on a field that is still in dispute"),
        _text("disputed", "names", "fields that sources disagree on"),
        _flag("owner_unavailable", "the profile names an owner who is not on the roster, not active or away today"),
        _number("days_to_renewal", FAR, "whole days, below 0: past", "until the contract renews"),
    ),
    "Score and axes": (
        _number("score", 0, "0..100", "the model's score, or the rules' while no model decides"),
        _number("confidence", 0, "0..1", "trust in the score"),
        _number("interval", 1, "0..1", "width of the score's interval, as a share of the scale"),
        _number("evidence", 0, "count", "scoring events seen"),
        _number("boundary_distance", 100, "points", "from the score to the nearest of sampling.boundaries"),
        _flag("has_fit", "a fit score is known"),
        _number("fit", 50, "0..100", "fit of person and company; the neutral 50 when unknown"),
        _number("engagement", 0, "0..100", "engagement, decayed with its half-life"),
        _number("intent", 0, "0..100", "buying intent: the person's or the account's, whichever is higher"),
        _number("days_since_intent", FAR, _DAYS, "since the intent that `intent` shows was measured"),
        _number("sentiment", 0, "-1..1", "sentiment as last measured"),
        _number("days_since_sentiment", FAR, _DAYS, "since then"),
        _number("negatives", 0, "0..4", "negative sentiments within negative_window_days"),
        _number("model_tiers_apart", 0, "tiers", "between the model's answer and the rules'; 0 without a model"),
        _number("challenger_tiers_apart", 0, "tiers", "between the score that decides and that of any other role"),
        _flag("model_distrust", "drift or fairness raised an alarm that nobody has settled, or learning is frozen"),
    ),
    "Trust": (
        _number("score_jump", 0, "points, 0..100", "largest move within jump_hours on fewer than jump_events"),
        _number("events_in_minute", 0, "count", "events of the lead in this event's minute"),
        _flag("audit_sampled", "the lead is in the blind audit sample (sampling.audit_share)"),
    ),
    "Service": (
        _number("open_opportunities", 0, "count", "opportunities that are open"),
        _number("severe_tickets", 0, "count", "severe tickets that are open"),
        _number("nps", 10, "0..10", "net promoter answer as last given; 10 when never asked"),
        _number("csat", 5, "1..5", "satisfaction as last given; 5 when never asked"),
    ),
    "History": (
        _number("minutes_since_arrival", 0, "whole minutes", "since the first event of the lead"),
        _number("days_since_reaction", FAR, _DAYS, "since the last open, click, form, reply or meeting"),
        _number("days_since_human_touch", FAR, _DAYS, "since a person last called, met or chatted"),
        _number("days_since_complaint", FAR, _DAYS, "since the lead complained"),
        _number("days_since_colleague_complaint", FAR, _DAYS, "since another person of the account complained"),
        _number("days_since_objection", FAR, _DAYS, "since the lead objected or asked for a human"),
        _number("days_since_rejection", FAR, _DAYS, "since a person rejected the lead"),
        _text("rejected_by", "rep_id", "who rejected the lead"),
        _text("rejection_code", "reject code", "why"),
        _text("previous_tier", "tier id", "the policy's answer at the last look; empty at the first"),
        _flag("sla_breached", "an open case of the lead has missed its deadline"),
        _number("open_cases", 0, "count", "open cases of the lead"),
    ),
    "Outreach request that is decided": (
        _flag("is_request", "this event asks whether an outreach step may go out; the facts below are about it"),
        _flag("is_marketing_request", "it is marketing, not transactional"),
        _text("request_channel", "channel", "on which channel"),
        _number("request_audience", 0, "persons", "how many persons the action reaches"),
        _flag("request_approved", "this content is approved for this segment (audience growth aside)", True),
        _text("request_approved_for", "condition ids", "conditions that the approval names, e.g. N11 N14"),
        _number("request_segment_growth", 0, "share, -1..", "audience growth since the approval, 0.2 is 20 %"),
        _flag("request_lawful", "a recorded basis allows marketing in the country on the channel", True),
    ),
}  # fmt: skip
FACTS: tuple[Fact, ...] = tuple(fact for group in GROUPS.values() for fact in group)
FACT: dict[str, Fact] = {fact.name: fact for fact in FACTS}
DEFAULTS: dict[str, FactValue] = {fact.name: fact.default for fact in FACTS}
