"""List-Unsubscribe in one click (RFC 8058): a POST to the link in the mail, with the lead's token in `t`.

Law of this module: a POST unsubscribes, whoever repeats it; a GET never does, since scanners of mail follow every link:
it shows a button that POSTs.
"""

from __future__ import annotations

from typing import Any, Self

from streams.gateway.config import SourceConfig
from streams.gateway.payloads import digest_of, form_from, text_from
from streams.gateway.platform import Answer, BadRequest, Incoming, Item, Options, Reading, Unauthorized, options_of
from streams.gateway.signing import Secrets
from streams.gateway.tokens import lead_of

BODY = "List-Unsubscribe=One-Click"
MINUTE_MS = 60_000
PAGE = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Unsubscribe</title>
<form method="post"><p>No more mails from us?</p>
<input type="hidden" name="List-Unsubscribe" value="One-Click"><button>Unsubscribe</button></form></html>
"""
DONE = b"You are unsubscribed.\n"
HTML = "text/html; charset=utf-8"
# A page that shows a button and nothing else, of which a token must not leak to another site.
HEADERS = (
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; form-action 'self'; frame-ancestors 'none'"),
)


class UnsubscribeOptions(Options):
    """The secrets with which the senders make the tokens; the first is the newest, all are taken."""

    secrets: Secrets


class Unsubscribe:
    """`List-Unsubscribe: <https://.../v1/<source>?t=<token>>`, `List-Unsubscribe-Post: List-Unsubscribe=One-Click`."""

    methods = frozenset({"POST", "GET"})
    never_limited = True  # an opt-out is not refused while it can be kept

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._secrets = secrets

    @classmethod
    def from_config(cls, source: SourceConfig) -> Self:
        return cls(tuple(secret.read() for secret in options_of(source, UnsubscribeOptions).secrets))

    def authenticate(self, incoming: Incoming) -> None:
        """The token is the proof: it was in the lead's mail."""
        if self._lead(incoming) is None:
            raise Unauthorized("t in the link is no token of ours, expected the link as it stands in the mail")

    def read(self, incoming: Incoming) -> Reading:
        if incoming.method != "POST":
            return Reading((), answer=Answer(200, PAGE, HTML, HEADERS))
        form = form_from(incoming.headers, incoming.body)
        if text_from(form.get("List-Unsubscribe")).strip() != "One-Click":
            raise BadRequest(f"the body has no {BODY}, expected that alone")
        token, lead = incoming.query["t"].lower(), self._lead(incoming)
        # Mail providers repeat a click at once. A later one is new: there may have been consent in between.
        identity = f"{digest_of(token.encode())}/{incoming.received_at // MINUTE_MS}"
        data: dict[str, Any] = {"lead": lead}
        item = Item("unsubscribe", identity, incoming.received_at, data)
        return Reading((item,), answer=Answer(200, DONE, headers=HEADERS))

    def _lead(self, incoming: Incoming) -> str | None:
        return lead_of(incoming.query.get("t", ""), self._secrets, "unsubscribe")
