"""Mail that came back, and complaints that a provider forwards: found before anything else is asked.

About half of real bounces carry an automatic-reply header too, so they would pass for out-of-office. A report about
reading (disposition-notification) or a successful delivery is no bounce.

Next: streams/core/reading/reader.py
"""
# ruff: noqa: E501  (an expression is one line)

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from streams.core.reading.verdict import Evidence, quoted
from streams.core.reading.words import folded

BOUNCE_CHARS = 12_000
Verdict = Literal["hard", "soft", "complaint", "unsubscribe"]


class Returned(msgspec.Struct, frozen=True):
    """A bounce (hard or soft) or a provider's feedback report, with what showed it."""

    verdict: Verdict
    confidence: float
    evidence: tuple[Evidence, ...]


_SENDER = re.compile(
    r"mailer[-_. ]?daemon|mail[-. ]?(?:delivery|er)[-. ]?(?:sub)?(?:system|daemon)|mail delivery (?:sub)?system|microsoftexchange\w{8,}@|bounces?\+?[\w=.-]*@|^<>$|mail\.delivery\.system@"
)
_POSTMASTER = re.compile(
    r"post[_-]?master@|staff@hotmail|system administrator|<>|mdaemon@|undeliverable@|@(?:.*\.)?(?:prod\.protection\.)?outlook\.com>?$|mail administrator|no-?reply@|administrator@|internet mail delivery|-admin@"
)
_SUBJECT = re.compile(
    r"^\W{0,4}(?:undeliver(?:able|ed)\b|(?:mail )?delivery (?:status|failure|failed|notification|has failed|problem|report|error|delay|incomplete|unsuccessful|impossible|to\b)|delivery[- ]?status|failure notice|failed delivery|returned mail\b|returned to sender|mail (?:delivery failed|could not be delivered|not delivered|system error|status report|failure|error)|message (?:not delivered|delivery failure|could not be delivered|undeliverable|delayed|status - undeliverable)|warning: (?:could not send|message|e-?mail)|non[- ]delivery|nondeliverable|could not (?:be )?deliver|unable to deliver|e-?mail delivery fail|address not found|mail rejected|rejected mail|postmaster notify|permanent delivery|problem delivering|"
    r"unzustellbar\b|nicht zustellbar|unzustellbare|zustellung (?:fehlgeschlagen|nicht)|benachrichtigung (?:zum|uber den) (?:zu)?stell|fehler bei der (?:zustellung|nachrichten)|mail ?(?:zustellung|versand) (?:fehlgeschlagen)|non remis\b|non distribuable|non-?remise|echec de (?:la )?(?:remise|distribution|livraison)|message non (?:remis|distribue|delivre)|notification d'etat de remise|avis de non|no se puede entregar\b|no entregable|no entregado|correo (?:no entregado|devuelto)|error de entrega|notificacion (?:de estado|del estado)|fallo (?:en la|de) entrega|impossibile (?:recapitare|consegnare)|non recapitabile|mancata consegna|onbestelbaar\b|niet bezorgd|nao (?:entregue|e possivel)|nao foi possivel entregar|falha na entrega|oleverererbart|olevererbart|ikke levert|kan inte levereras|niedostarczon|"
    r".*\breturned mail: |.*delivery status notification|.*undelivered mail returned|.*mail delivery failed)"
)
_BODY = re.compile(
    r"(?:final-recipient ?:|diagnostic-code ?:|reporting-mta ?:|action: ?(?:failed|delayed)|did not reach the following recipient|could not be delivered|couldn't be delivered|wasn't able to deliver|was not able to deliver|unable to deliver|permanent (?:fatal )?error|delivery (?:to the following|has failed|failed|has been delayed)|undeliverable|undelivered|returned to sender|user unknown|unknown user|unknown recipient|no such user|mailbox (?:is )?(?:full|unavailable|not found)|address (?:rejected|not found|couldn't be found)|recipient (?:rejected|address rejected|unknown)|error occurred while trying to deliver|mail system error|failed permanently|delivery problems|quota exceeded|over ?quota|transcript of session|konnte nicht zugestellt|unzustellbar|n'a pas pu etre (?:remis|distribue|delivre)|no se (?:pudo|ha podido) entregar|does not exist|"
    r"\b[45]\d\d[ -]#?[45]\.\d{1,3}\.\d{1,3}|送信できませんでした|送信に失敗|配信できません|loop alert|mail loop|duplicated message-id|virus|your message (?:was|has been) (?:rejected|blocked))"
)
_ACTION = re.compile(r"^[ \t]*action ?:[ \t]*(failed|delayed|delivered|relayed|expanded)", re.MULTILINE)
_STATUS = re.compile(r"^[ \t]*status ?:[ \t]*([245])\.(\d{1,3})\.(\d{1,3})", re.MULTILINE)
_CODE = re.compile(r"(?<![\d.])(?:([45])\d\d[ -]+)?\(?#?([45])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\d.:/])([45])[0-5]\d[ -](?=\D)")

# What tells an address that is gone from a box that is full or a server that does not like us.
_SOFT = re.compile(
    r"mailbox (?:is |size |for \S{1,80} is )?(?:full|over|exceed)|mailbox full|over ?quota|quota (?:exceeded|violation|is full)|exceeded (?:storage|(?:the |his |their )?(?:quota|mailbox|maximum))|(?:insufficient|out of|not enough) (?:system |disk )?(?:storage|space)|inbox is full|disk (?:full|quota|space)|storage allocation|postfach (?:ist )?voll|kontingent|boite (?:aux lettres )?(?:est )?pleine|buzon (?:esta )?lleno"
    r"|too (?:large|big|many|long|frequent|fast|much)|message size|size (?:limit|exceed)|exceeds? (?:size|the maximum|maximum|fixed)|temporar|greylist|gray ?list|try (?:again|later)|timed? ?out|deferred|throttl|rate limit|receivingrate|delayed|will (?:be )?retr|still being retried|queued|connection (?:refused|timed|lost|reset)|no route|delivery time expired|message expired|retry (?:time|timeout)|too long|not yet|in the queue"
    r"|spam|blocked|blacklist|black list|block ?list|listed|\brbl\b|dnsbl|spamhaus|policy|reputation|dmarc|\bspf\b|dkim|unauthenticated|not authenticated|authentication|content (?:rejected|filter)|virus|malware|access denied|not (?:allowed|permitted|authorized|authorised)|relay(?:ing)?(?: access)? denied|unable to relay|cannot relay|sender (?:address )?(?:rejected|denied|verify)|prohibited|banned|refused by|reverse dns|ptr record|starttls|\btls\b|ssl|rejected (?:due|for|by) |suspicious|bad reputation|client host rejected|protocol|syntax|loop|hop count|line limit|rfc ?(?:5321|5322|2822|1123)|non-compliant|bare lf|missing header|multiple from|on hold|administratively|restricted|filtered|domain does not accept|maximum"
)
_HARD = re.compile(
    r"user (?:is )?(?:unknown|not (?:found|exist|known)|does ?n[o']t exist|unkown)|unknown (?:user|recipient|address|mailbox|local|account|or illegal)|no such (?:user|address|recipient|mailbox|person|account|domain|host)|(?:user|recipient|address|mailbox|account|email|alias|addressee|customer)(?: \S{1,120})? (?:does ?n[o']t|do not|not) exist|does not exist|doesn't exist|invalid (?:recipient|mailbox|user|address)|(?:recipient|mailbox|user|address|account)(?: \S{1,100})? (?:was |is |has been |were )?(?:not (?:found|recognized|valid|listed)|couldn't be found|unavailable|disabled|inactive|deactivated|suspended|invalid|unknown|closed|terminated|no longer)|"
    r"address (?:couldn't be found|not found|unknown)|not a valid (?:mailbox|user|recipient)|no mailbox|no longer (?:valid|active|available|exists|accepts|works|employed|in use)|recipient (?:name )?(?:is )?not recognized|not our customer|not listed in|host (?:or domain name )?(?:unknown|not found)|unknown host|domain (?:not found|does not exist|isn't|is not found)|name (?:service error|or service not known)|nxdomain|couldn't find (?:any|a) (?:host|mail exchanger)|no mx|unrouteable|unroutable|bad destination|all recipient address(?:es)? rejected|undeliverable address|has moved|mailbox unavailable|account (?:is |has been )?(?:disabled|deleted|closed|expired)|recipient address rejected|adresse (?:existiert nicht|inconnue)|empfanger unbekannt|destinataire inconnu|usuario desconocido|direccion no existe|user (?:doesn.t|does not) have (?:a|an)|host does not accept mail|not deliver[^\n]{0,30} unknown"
)
# Enhanced status codes (RFC 3463) that say: no such address, box or host.
_GONE = frozenset((("1", "1"), ("1", "2"), ("1", "3"), ("1", "6"), ("1", "10"), ("2", "1"), ("4", "4")))
_FULL = re.compile(
    r"(?:mailbox|inbox|quota|postfach|buzon|boite|storage)[^\n]{0,40}(?:full|exceed|voll|pleine|lleno|over)|over ?quota|quota exceeded|(?:full|exceed\w*|over)[^\n]{0,20}(?:mailbox|quota)"
)
_SPEED = re.compile(r"receivingrate|at a rate that|too (?:fast|many|quickly)|rate limit|throttl")
_FEEDBACK = re.compile(r"^[ \t]*feedback-type ?:[ \t]*([\w-]+)", re.MULTILINE)
_HUMAN_SUBJECT = re.compile(r"^\s*(?:re|aw|sv|rv|antw|fw|fwd|wg|tr)\s*:")
_COMPLAINT_SUBJECT = re.compile(r"^\s*complaint about message from")
_VERIZON = re.compile(r"post_master@")
_NO_REPLY_NOTICE = re.compile(
    r"mailbox is full|(?:your mail|your message|message|mail) [^\n]{0,80}\n?[^\n]{0,40}could not be delivered"
)
_SNS = re.compile(r"\"notificationtype\" ?: ?\"(bounce|complaint)\"")


def returned_mail(headers: Mapping[str, str], subject: str, text: str) -> Returned | None:
    """What came back, or None. `headers` lowered."""
    content_type = folded(headers.get("content-type", ""))
    sender = folded(headers.get("from", "")).strip()
    title = folded(" ".join(subject[:400].split()))
    if not _worth_a_look(headers, content_type, sender, title):
        return None
    body = folded(text[:BOUNCE_CHARS])
    feedback = _feedback(content_type, sender, subject, body)
    if feedback is not None:
        return feedback
    proof = _bounce_evidence(headers, content_type, sender, title, subject, body)
    if not proof:
        return None
    action = _ACTION.search(body)
    if action is not None and action[1] not in ("failed", "delayed") and not _failed(body):
        return None
    kind, why = _kind(body + "\n" + title)
    strong = any(item.source == "header" for item in proof)
    return Returned(kind, 0.98 if strong else 0.85, (*proof, why))


def _worth_a_look(headers: Mapping[str, str], content_type: str, sender: str, title: str) -> bool:
    return (
        "x-failed-recipients" in headers
        or content_type.startswith("multipart/report")
        or _SENDER.search(sender) is not None
        or _SUBJECT.match(title) is not None
        or _POSTMASTER.search(sender) is not None
        or "x-amz-sns-message-id" in headers
        or any(
            headers.get(name, "").lower().startswith("report.ipm.note.ndr")
            for name in ("x-ms-exchange-message-class", "x-message-class", "message-class")
        )
    )


def _failed(body: str) -> bool:
    return any(match[1] in ("failed", "delayed") for match in _ACTION.finditer(body))


def _feedback(content_type: str, sender: str, subject: str, body: str) -> Returned | None:
    sns = _SNS.search(body)
    if sns is not None and sns[1] == "complaint":
        return Returned("complaint", 0.98, (Evidence("text", "feedback-report", quoted(sns[0])),))
    if sns is not None:
        kind: Literal["hard", "soft"] = "hard" if '"permanent"' in body else "soft"
        return Returned(kind, 0.98, (Evidence("text", "sns.bounce", quoted(sns[0])),))
    if _COMPLAINT_SUBJECT.match(folded(subject)) and "staff@hotmail" in sender:
        return Returned("complaint", 0.95, (Evidence("subject", "subject.complaint", quoted(subject)),))
    if "feedback-report" not in content_type:
        return None
    stated = _FEEDBACK.search(body)
    name = stated[1] if stated is not None else "abuse"
    if name in ("not-spam", "auth-failure", "virus"):
        return None
    proof = Evidence("header", "feedback-report", quoted(f"{name}: {subject}"))
    return Returned("unsubscribe" if name.startswith("opt-out") else "complaint", 0.98, (proof,))


def _bounce_evidence(
    headers: Mapping[str, str], content_type: str, sender: str, title: str, subject: str, body: str
) -> tuple[Evidence, ...]:
    proof = []
    if "x-failed-recipients" in headers:
        proof.append(Evidence("header", "x-failed-recipients", quoted(headers["x-failed-recipients"])))
    if (
        content_type.startswith("multipart/report")
        and "disposition-notification" not in content_type
        and "feedback-report" not in content_type
    ):
        proof.append(Evidence("header", "multipart/report", quoted(content_type)))
    if any(
        headers.get(n, "").lower().startswith("report.ipm.note.ndr")
        for n in ("x-ms-exchange-message-class", "x-message-class", "message-class")
    ):
        proof.append(Evidence("header", "message-class.ndr", "REPORT.IPM.Note.NDR"))
    titled = _SUBJECT.match(title) is not None and _HUMAN_SUBJECT.match(title) is None
    worded = _BODY.search(body)
    if _HUMAN_SUBJECT.match(title) is None or _VERIZON.search(sender):
        daemon, system = _SENDER.search(sender) is not None, _from_the_system(headers, sender)
        if (daemon and ("mailer-daemon" in sender or titled or worded)) or (system and titled):
            proof.append(Evidence("header", "from", quoted(headers.get("from", ""))))
        elif worded is not None and (
            titled or system or (_NO_REPLY_NOTICE.search(body) and re.search(r"no-?_?reply@", sender))
        ):
            proof.append(
                Evidence("text", "bounce.words", quoted(body[max(0, worded.start() - 20) : worded.end() + 60]))
            )
    if proof and titled:
        proof.append(Evidence("subject", "subject.bounce", quoted(subject)))
    return tuple(proof)


def _from_the_system(headers: Mapping[str, str], sender: str) -> bool:
    return (
        "postmaster@" in sender
        or _VERIZON.search(sender) is not None
        or "<>" in sender
        or "system administrator" in sender
        or headers.get("return-path", "").strip() in ("<>", "<MAILER-DAEMON>")
        or "x-amz-sns-message-id" in headers
        or "x-mlserver" in headers
    )


def _kind(body: str) -> tuple[Literal["hard", "soft"], Evidence]:
    """Hard: the address or its host is gone. Soft: full, delayed, refused by policy; and what nobody can tell."""
    action = _ACTION.search(body)
    if action is not None and action[1] == "delayed":
        return "soft", Evidence("text", "bounce.delayed", quoted(action[0]))
    status, code = _STATUS.search(body), _CODE.search(body)
    codes = [tuple(m.groups()[-3:]) for m in (status, code) if m is not None]
    hard, soft = _HARD.search(body), _SOFT.search(body)
    if any((kind == "4" and detail != "1") or (kind == "4" and subject != "1") for kind, subject, detail in codes):
        return "soft", Evidence("text", "bounce.status", ".".join(codes[0]))
    if soft is not None and _FULL.search(body):
        return "soft", Evidence("text", "bounce.reason", quoted(soft[0]))
    if any((subject, detail) in _GONE for _, subject, detail in codes) and _SPEED.search(body) is None:
        return "hard", Evidence("text", "bounce.status", ".".join(codes[0]))
    if hard is not None and not any(subject in ("6", "7") for _, subject, _ in codes[:1]):
        return "hard", Evidence("text", "bounce.address", quoted(hard[0]))
    if soft is not None or codes:
        return "soft", Evidence("text", "bounce.reason", quoted(soft[0]) if soft is not None else ".".join(codes[0]))
    reply = _REPLY.search(body)
    return ("hard" if reply is not None and reply[1] == "5" else "soft"), Evidence(
        "text", "bounce.unknown", quoted(reply[0] if reply else "")
    )
