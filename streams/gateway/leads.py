"""Whose mail is it? Ways to find the lead, tried in order; they are data in the source's section.

    leads:
      - token: {secrets: [{env: LEAD_TOKENS}]}                           # ours: Reply-To, VERP, Message-ID
      - data.user-variables.lead_id                                      # a path, or any field rule:
      - {path: data.from, lower: true, hash: sha256, key: {env: LEAD_HASH}}

Law of this module: a token counts only with a genuine signature; a way that cannot read its value says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from msgspec import inspect
from pydantic import BeforeValidator

from streams.gateway.fields import FieldRule, compiled, is_rule
from streams.gateway.paths import Arrived, getter, steps
from streams.gateway.platform import Options
from streams.gateway.signing import Secrets
from streams.gateway.tokens import lead_of
from streams.gateway.values import BadValue

Find = Callable[[Arrived], str | None]
# Where mails carry what we printed: addresses that they came to, and the ids of the mails that they answer or return.
PLACES = ("data.recipient", "data.to", "data.in_reply_to", "data.references", "data.returned")


class Token(Options):
    """A token of streams/gateway/tokens.py in one of these places."""

    secrets: Secrets
    paths: tuple[str, ...] = PLACES


class TokenWay(Options):
    """`token: {...}` in the list of ways."""

    token: Token


def _way(value: Any) -> Any:
    if isinstance(value, str):
        steps(value)  # ValueError says what a path is
        return FieldRule(path=value)
    if isinstance(value, dict):
        return FieldRule.model_validate(value) if is_rule(value) else TokenWay.model_validate(value)
    raise ValueError("expected a path, a field rule or token: {secrets: ...}")


Ways = tuple[Annotated[TokenWay | FieldRule, BeforeValidator(_way)], ...]


def finder(ways: Sequence[TokenWay | FieldRule]) -> Find:
    """The ways as one function of an item; secrets are read now."""
    finds = [_by_token(way.token) if isinstance(way, TokenWay) else _by_rule(way) for way in ways]

    def find(item: Arrived) -> str | None:
        for each in finds:
            if lead := each(item):
                return lead
        return None

    return find


def _by_token(token: Token) -> Find:
    secrets = tuple(secret.read() for secret in token.secrets)
    gets = [getter(path) for path in token.paths]

    def find(item: Arrived) -> str | None:
        for get in gets:
            found = get(item)
            text = " ".join(map(str, found)) if isinstance(found, list) else str(found or "")
            if lead := lead_of(text, secrets, "reply"):
                return lead
        return None

    return find


def _by_rule(rule: FieldRule) -> Find:
    value = compiled(rule, inspect.type_info(str), "lead")

    def find(item: Arrived) -> str | None:
        try:
            found = value(item)
        except BadValue:
            return None
        return found if isinstance(found, str) and 0 < len(found) <= 200 else None

    return find
