"""Who the simulated leads are: accounts, people and what kind of lead each is.

Rows say how many of a hundred leads are of a kind and where their numbers lie. All of it is made up.
"""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import NamedTuple

from streams.core.events import Consent

LEADS_PER_ACCOUNT = (3, 6)


class Kind(NamedTuple):
    """One kind of lead. Scores are where its signals lie, give or take a few points."""

    name: str
    share: float  # of all leads
    fit: float
    engagement: float
    intent: float
    stage: str = "qualify"


KINDS = (
    Kind("nurture", 0.591, fit=45, engagement=35, intent=25, stage="engage"),
    Kind("warm", 0.186, fit=68, engagement=66, intent=45),
    Kind("cold", 0.080, fit=9, engagement=8, intent=5, stage="acquire"),
    Kind("customer", 0.060, fit=68, engagement=60, intent=30, stage="expand"),
    Kind("hot", 0.011, fit=96, engagement=96, intent=90, stage="convert"),
    Kind("nearly hot", 0.009, fit=82, engagement=80, intent=66, stage="convert"),
    Kind("vip", 0.008, fit=90, engagement=55, intent=45, stage="engage"),
    Kind("high value", 0.004, fit=88, engagement=58, intent=50, stage="convert"),
    Kind("incomplete", 0.009, fit=68, engagement=66, intent=45, stage="acquire"),
    Kind("no consent", 0.015, fit=45, engagement=35, intent=25, stage="engage"),
    Kind("role mailbox", 0.004, fit=68, engagement=66, intent=45, stage="acquire"),
    Kind("sensitive", 0.006, fit=45, engagement=35, intent=25, stage="engage"),
    Kind("ambiguous fit", 0.008, fit=50, engagement=78, intent=57),
    Kind("probable duplicate", 0.003, fit=68, engagement=66, intent=45),
    Kind("disputed", 0.006, fit=68, engagement=66, intent=45),
)
TARGET_ACCOUNT_SHARE = 0.008
OWNED_SHARE = 0.2  # of the accounts: the CRM names an owner for them
OWNERS = ("ana", "chen", "lou")  # lou has left


class Place(NamedTuple):
    country: str
    time_zone: str
    language: str
    domain: str


PLACES = (
    Place("DE", "Europe/Berlin", "de", "de"),
    Place("FR", "Europe/Paris", "fr", "fr"),
    Place("ES", "Europe/Madrid", "es", "es"),
    Place("GB", "Europe/London", "en", "co.uk"),
    Place("US", "America/New_York", "en", "com"),
    Place("US", "America/Los_Angeles", "en", "com"),
)
FIRST_NAMES = ("ada", "ben", "carla", "dario", "elif", "farid", "grace", "hana", "ivo", "jana", "kofi", "lena", "milo")
LAST_NAMES = ("okafor", "meyer", "duval", "garcia", "smith", "novak", "rossi", "silva", "tanaka", "weber", "young")
COMPANY_PARTS = (
    ("North", "River", "Atlas", "Copper", "Bright", "Stone", "Harbor", "Silver", "Cedar", "Summit"),
    ("wind", "field", "works", "gate", "bridge", "line", "mark", "light", "wood", "point"),
    ("Logistics", "Foods", "Energy", "Health", "Software", "Retail", "Textiles", "Insurance", "Motors", "Media"),
)
JOBS = (
    ("Head of Operations", "Operations"), ("Sales Director", "Sales"), ("IT Manager", "IT"), ("CFO", "Finance"),
    ("Procurement Lead", "Procurement"), ("Marketing Manager", "Marketing"),
)  # fmt: skip
INDUSTRIES = COMPANY_PARTS[2]


@dataclass(frozen=True, slots=True)
class Account:
    account_id: str
    company: str
    domain: str
    industry: str
    place: Place
    target: bool
    owner: str | None


@dataclass(slots=True)
class Lead:
    """One simulated person. Mutable: the simulation remembers what happened to it."""

    lead_id: str
    key: bytes
    kind: Kind
    account: Account
    email: str
    title: str
    department: str
    consent: Consent | None
    arrived: bool = False


def people(random: Random, count: int, prefix: str = "") -> list[Lead]:
    """`count` leads, 3 to 6 to an account, mixed as KINDS says. Same random state, same leads."""
    shares = list(accumulate(kind.share for kind in KINDS))
    leads: list[Lead] = []
    accounts = 0
    while len(leads) < count:
        account = _account(random, f"{prefix}A{accounts:05d}", accounts)
        accounts += 1
        for _ in range(min(random.randint(*LEADS_PER_ACCOUNT), count - len(leads))):
            kind = KINDS[min(bisect(shares, random.random() * shares[-1]), len(KINDS) - 1)]
            leads.append(_lead(random, f"{prefix}L{len(leads):06d}", len(leads), kind, account))
    return leads


def _account(random: Random, account_id: str, number: int) -> Account:
    company = "{}{} {}".format(*(random.choice(part) for part in COMPANY_PARTS))
    place = random.choice(PLACES)
    name = company.split()[0].lower()
    return Account(
        account_id=account_id,
        company=company,
        domain=f"{name}{number}.example.{place.domain}",
        industry=company.split()[1],
        place=place,
        target=random.random() < TARGET_ACCOUNT_SHARE,
        owner=random.choice(OWNERS) if random.random() < OWNED_SHARE else None,
    )


def _lead(random: Random, lead_id: str, number: int, kind: Kind, account: Account) -> Lead:
    name = f"{random.choice(FIRST_NAMES)}.{random.choice(LAST_NAMES)}{number}"
    title, department = random.choice(JOBS)
    return Lead(
        lead_id=lead_id,
        key=lead_id.encode(),
        kind=kind,
        account=account,
        email=f"{'info' if kind.name == 'role mailbox' else name}@{account.domain}",
        title=title,
        department=department,
        consent=_consent(random, kind),
    )


def _consent(random: Random, kind: Kind) -> Consent | None:
    if kind.name != "no consent":
        return Consent(basis="consent", scope=(), expires_at=None)
    # Half never agreed, half agreed to something that has ended since (2001).
    return random.choice((None, Consent(basis="consent", scope=("email",), expires_at=1_000_000_000_000)))
