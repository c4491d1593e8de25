"""The reply reader: what an incoming mail means for outreach to this person. Pure; see docs/reference/replies.md.

Next: streams/core/reading/reader.py
"""

from streams.core.reading.mail import ParsedMail, UnreadableMail, parse_mail
from streams.core.reading.reader import read_reply
from streams.core.reading.verdict import Evidence, Reading, ReplyClass
from streams.core.reading.warm import warm_up

__all__ = ["Evidence", "ParsedMail", "Reading", "ReplyClass", "UnreadableMail", "parse_mail", "read_reply", "warm_up"]
