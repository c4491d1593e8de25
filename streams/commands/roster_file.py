"""The roster file: reps as people write them, and what applying it would change.

Law of this module: a file states each rep whole; what is left out has its default. All faults are said at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from streams.commands.signing import LONGEST_ID, did_you_mean
from streams.core.calendars import EPOCH_ORDINAL, zone_named
from streams.core.context import Absence, RosterEntry
from streams.core.policy import CompiledPolicy
from streams.errors import LeadlaneError
from streams.kafka.control import Stamp
from streams.policy.faults import Fault
from streams.policy.places import Loader, Places
from streams.policy.schema import shown

SIGNED = frozenset({"actor", "reason", "at"})  # who wrote it is no part of what it says
EXAMPLE = "docs/examples/roster.yaml shows one."


class BadRoster(LeadlaneError):
    """The roster file is wrong: its author's."""

    exit_code = 7

    def __init__(self, source: str, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: fault.line))
        count = f"{len(self.faults)} fault{'s' if len(self.faults) != 1 else ''}"
        super().__init__("\n  ".join([f"{source} has {count}; nothing was written:", *map(str, self.faults)]))


def _day(value: Any) -> Any:
    """Days only: pydantic would take a number or a time of day for one too."""
    if isinstance(value, datetime) or not isinstance(value, date | str):
        raise ValueError("a day such as 2026-08-03")
    try:
        return value if isinstance(value, date) else date.fromisoformat(value)
    except ValueError:
        raise ValueError("a day such as 2026-08-03") from None


def _zone(name: str) -> str:
    if zone_named(name) is None:
        raise ValueError("an IANA time zone such as Europe/Lisbon")
    return name


Day = Annotated[date, BeforeValidator(_day)]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_ID)]


class Part(BaseModel):
    """A part of the file: unknown names are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


def _ordered(away: Away) -> Away:
    if away.to < away.from_:
        raise ValueError("a last day `to` that is not before the first day `from`")
    return away


class Away(Part):
    """Days away, the first and the last included."""

    from_: Annotated[Day, Field(alias="from")]
    to: Day


class Rep(Part):
    """One rep, whole."""

    rep_id: Name
    name: Name | None = None  # None: the rep_id
    queues: tuple[Name, ...]
    weight: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 1.0
    time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}\z")] | None = None
    away: tuple[Annotated[Away, AfterValidator(_ordered)], ...] = ()
    active: bool = True

    def entry(self, stamp: Stamp) -> RosterEntry:
        """The record of this rep."""
        return RosterEntry(
            rep_id=self.rep_id,
            name=self.name or self.rep_id,
            queues=tuple(dict.fromkeys(self.queues)),
            weight=self.weight,
            time_zone=self.time_zone,
            country=self.country,
            away=tuple(Absence(_epoch_day(away.from_), _epoch_day(away.to)) for away in self.away),
            active=self.active,
            **stamp._asdict(),
        )


class Change(NamedTuple):
    """What is written about one rep, and what that changes in words."""

    entry: RosterEntry
    kind: Literal["new", "changed", "left"]
    what: str

    def __str__(self) -> str:
        return f"{ {'new': '+', 'changed': '~', 'left': '-'}[self.kind] } {self.entry.rep_id}: {self.what}"


def read_roster(path: Path) -> tuple[Rep, ...]:
    """The reps in a file. BadRoster lists every fault."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRoster(str(path), [Fault("the file", 0, "YAML in UTF-8", str(error), EXAMPLE)]) from error
    return roster_from(text, str(path))


def roster_from(text: str, source: str) -> tuple[Rep, ...]:
    """The reps in a YAML text; `source` names it in errors. BadRoster lists every fault."""
    try:
        places, entries = Places(text), yaml.load(text, Loader=Loader)
        repeated = places.repeated_keys()
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        got = " ".join(str(error).split())
        raise BadRoster(source, [Fault("the file", 0, "YAML", got, "Correct it.")]) from error
    if not isinstance(entries, list) or not entries:
        raise BadRoster(source, [Fault("the file", 1, "a list of reps, at least one", shown(entries), EXAMPLE)])
    faults = [
        Fault(_path(loc, entries), places.line(loc), "each name once", f"{key} twice", "Remove one of them.")
        for loc, key in repeated
    ]
    faults += _repeated_reps(entries, places)
    try:
        reps = TypeAdapter(tuple[Rep, ...]).validate_python(entries)
    except ValidationError as error:
        faults += [_fault(each, entries, places) for each in error.errors(include_url=False)]
        raise BadRoster(source, faults) from None
    if faults:
        raise BadRoster(source, faults)
    return reps


def changes(
    reps: Iterable[Rep], standing: Mapping[str, RosterEntry], stamp: Stamp, complete: bool = False
) -> Iterator[Change]:
    """What applying `reps` writes over `standing`. `complete`: whoever is not among them is set inactive."""
    stated = {rep.rep_id: rep.entry(stamp) for rep in reps}
    for rep_id, entry in stated.items():
        there = standing.get(rep_id)
        if there is None:
            yield Change(
                entry, "new", f"{_text(entry.queues)}; weight {entry.weight:g}{'' if entry.active else '; inactive'}"
            )
        elif what := differences(there, entry):
            yield Change(entry, "changed", "; ".join(what))
    for rep_id, there in standing.items():
        if complete and rep_id not in stated and there.active:
            left = msgspec.structs.replace(there, active=False, **stamp._asdict())
            yield Change(left, "left", "inactive, not in the file")


def differences(old: RosterEntry, new: RosterEntry) -> list[str]:
    """What `new` says otherwise than `old`, in words; who wrote them does not count."""
    return [
        f"{name} {_text(getattr(old, name))} -> {_text(getattr(new, name))}"
        for name in RosterEntry.__struct_fields__
        if name not in SIGNED and getattr(old, name) != getattr(new, name)
    ]


def warnings_of(reps: Iterable[Rep], after: Iterable[RosterEntry], policy: CompiledPolicy | None) -> Iterator[str]:
    """What is allowed and probably not meant: `reps` as stated, `after` the whole roster once they are applied."""
    reps = tuple(reps)
    for rep in reps:
        if rep.active and not rep.queues:
            yield f"{rep.rep_id}: expected a queue, got none. Only leads whose profile names {rep.rep_id} come there."
    if policy is None:
        yield "no active policy that this version can use: the names of queues are not checked. See `leadlane doctor`."
        return
    for rep in reps:
        for queue in dict.fromkeys(rep.queues):
            if queue not in policy.queues:
                yield (
                    f"{rep.rep_id}.queues: expected queues of policy {policy.version} ({', '.join(policy.queues)}), got"
                    f" {queue!r}.{did_you_mean(queue, policy.queues)} Nothing is routed there."
                )
    served = {queue for entry in after if entry.active for queue in entry.queues}
    for name, row in policy.queues.items():
        if name not in served:
            yield f"nobody serves {name}: " + (
                f"its cases go on to {row.overflow}." if row.overflow else "what comes there has no owner."
            )


def day_text(day: int) -> str:
    """2026-08-03 of days since 1970-01-01."""
    return date.fromordinal(min(max(day + EPOCH_ORDINAL, 1), date.max.toordinal())).isoformat()


def _epoch_day(day: date) -> int:
    return day.toordinal() - EPOCH_ORDINAL


def _text(value: Any) -> str:
    match value:
        case ():
            return "none"
        case tuple():
            return ", ".join(map(_text, value))
        case Absence():
            return f"{day_text(value.first_on)} to {day_text(value.last_on)}"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case None:
            return "none"
        case _:
            return str(value)


def _repeated_reps(entries: list[Any], places: Places) -> Iterator[Fault]:
    first: dict[Any, int] = {}
    for at, entry in enumerate(entries):
        rep_id = entry.get("rep_id") if isinstance(entry, dict) else None
        if not isinstance(rep_id, str):
            continue
        line = places.line((at, "rep_id"))
        if rep_id.strip() in first:
            do = "A rep is stated once, with all queues and days away."
            yield Fault(f"{rep_id}.rep_id", line, "another rep", f"the one of line {first[rep_id.strip()]}", do)
        first.setdefault(rep_id.strip(), line)


def _fault(error: ErrorDetails, entries: list[Any], places: Places) -> Fault:
    loc, got = error["loc"], error["input"]
    path, line = _path(loc, entries), places.line(loc)
    match error["type"]:
        case "missing":
            return Fault(path, line, "a value", "nothing", f"Add it; {EXAMPLE}")
        case "extra_forbidden":
            names = ["from", "to"] if "away" in loc else list(Rep.model_fields)
            hint = did_you_mean(str(loc[-1]), names) or " Correct or remove it."
            return Fault(path, line, f"one of {', '.join(names)}", f"the name {loc[-1]!r}", hint.strip())
        case "string_type" if isinstance(got, bool):
            do = 'YAML takes an unquoted NO, yes, on or off for true or false: write it in quotes, for example "NO".'
            return Fault(path, line, "a text", str(got).lower(), do)
        case "string_type" if isinstance(got, int | float):
            return Fault(path, line, "a text", shown(got), f'Write it in quotes: "{got}".')
        case "model_type" | "model_attributes_type" | "dict_type":
            return Fault(path, line, "names with values", shown(got), EXAMPLE)
        case "string_pattern_mismatch":
            return Fault(path, line, "two capital letters (ISO 3166-1 alpha-2)", shown(got), "For example DE.")
        case "string_too_short" | "string_too_long":
            return Fault(path, line, f"1 to {LONGEST_ID} characters", shown(got), "Correct it.")
        case "tuple_type":
            example = "[{from: 2026-08-03, to: 2026-08-14}]" if "away" in loc else "[vip, sales]"
            return Fault(path, line, "a list", shown(got), f"For example {example}.")
        case "bool_parsing" | "bool_type":
            return Fault(path, line, "true or false", shown(got), "Correct it.")
        case "value_error":
            return Fault(path, line, error["msg"].removeprefix("Value error, "), _got(got), "Correct it.")
        case _:
            expected = error["msg"].removeprefix("Input should be ").replace("a valid ", "a ")
            return Fault(path, line, expected, shown(got), "Correct it.")


def _got(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return str(value) if isinstance(value, date) else shown(value)


def _path(loc: tuple[int | str, ...], entries: list[Any]) -> str:
    """ana.away[1].from: reps by their id."""
    entry = entries[loc[0]] if loc and isinstance(loc[0], int) and loc[0] < len(entries) else None
    rep_id = entry.get("rep_id") if isinstance(entry, dict) else None
    rest = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc[1:])
    return f"{rep_id if isinstance(rep_id, str) and rep_id else f'entry {int(loc[0]) + 1}'}{rest}"
