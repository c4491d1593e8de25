"""What the person wrote: the text without the quoted original, forwards, signature, banners and legal footers.

Line by line, one pass. A general reply parser was tried and left out: its expressions are quadratic (3,000 empty lines
took 0.5 s), and a mail is written by strangers.
"""
# ruff: noqa: E501  (an expression is one line)

from __future__ import annotations

import re

READ_CHARS = 20_000
_READ_LINES = 400
_ATTRIBUTION_LINES = 4

_VERBS = ("wrote", "schrieb", "a écrit", "a ecrit", "escribió", "escribio", "ha scritto", "schreef", "geschreven", "escreveu", "skrev",
          "napisał", "написал", "пише", "kirjoitti", "написа", "写道", "寫道", "schreibt", "hat geschrieben", "sent:", "napsal")  # fmt: skip
_ATTRIBUTION = re.compile(
    r"^\s*[-–—*_\s]{0,12}(?:(?:on|am|le|el|il|op|em|den|dnia|at|в|на|在|dne)\b[^\n]{0,40}\d|在|\d|\"|(?:mon|tue|wed|thu|fri|sat|sun)\w{0,6},|\w{3,14},? \d)[^\n]{0,400}$",
    re.IGNORECASE,
)
_SENDER_LINE = re.compile(
    r"^\s*[^\n<]{0,60}<[^\n>]{3,80}>[^\n]{0,60}$|^\s*[\w.'()-]{1,40}(?: [\w.'()-]{1,40}){0,5} (?:via [^\n]{0,60} )?(?:wrote|schrieb|a écrit|escribió|ha scritto|schreef|escreveu|skrev)\s?:$",
    re.IGNORECASE,
)
_DATED_SENDER = re.compile(
    r"^\s*\d{2,4}[-/.]\d{1,2}[-/.]\d{1,4}[^\n]{0,120}(?:<[^\n>]{0,120}>|gmt)[^\n]{0,80}:?\s*$", re.IGNORECASE
)
_SEPARATOR = re.compile(
    r"^[\s>*_=-]{0,60}(?:original (?:message|appointment)|ursprüngliche nachricht|originalnachricht|forwarded (?:message|by)|begin forwarded message|weitergeleitete nachricht|(?:début du )?message (?:d.origine|original|transféré|transmis)|mensaje (?:original|reenviado)|mensagem (?:original|encaminhada)|messaggio (?:originale|inoltrato)|oorspronkelijk bericht|doorgestuurd bericht|ursprungligt meddelande|reply above this line|antwort oberhalb dieser zeile)[\s*_=-]{0,60}:?\s*$",
    re.IGNORECASE,
)
_HEAD = re.compile(r"^[\s>*]{0,8}(?:from|von|de|da|van|från|fra|od|от|发件人|差出人)\s?:\*?\s", re.IGNORECASE)
_HEAD_NEXT = re.compile(
    r"^[\s>*]{0,8}(?:sent|date|to|subject|reply-to|cc|gesendet|datum|an|betreff|envoyé|à|objet|enviado(?: el)?|fecha|para|asunto|inviato|data|a|oggetto|risposta|verzonden|aan|onderwerp|enviada(?: em)?|assunto|skickat|till|ämne|sendt|til|emne|wysłano|do|temat|дата|кому|тема)\s?:",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"^(?:(?:with )?(?:kind(?:est)?|best|warm(?:est)?|many|with best|with kind|my best)\W?(?: and warm)? ?(?:regards?|wishes|greetings)?|regards|cheers|sincerely|yours (?:sincerely|truly|faithfully)|br|rgds|kr|all the best|respectfully|cordially|"
    r"mit (?:freundlichen?|besten|vielen|herzlichen|lieben|sonnigen)\s(?:grüßen?|grüssen?|gruß|gruss|gruessen?)|(?:freundliche|beste|viele|liebe|herzliche|schöne|besten|lieben|vielen|freundlichen)\s(?:grüße|grüsse|gruesse|gruß|gruss|grüßen)|mfg|lg|vg|bg|hochachtungsvoll|"
    r"(?:bien )?cordialement|bien à (?:vous|toi)|salutations|(?:meilleures|sincères) salutations|amicalement|respectueusement|bonne (?:journée|soirée)|"
    r"(?:un )?(?:cordial )?saludos?(?: cordiales)?|atentamente|un (?:cordial )?saludo|cordialmente|cordiali saluti|distinti saluti|saluti|met (?:vriendelijke|hartelijke) groet(?:en)?|groet(?:en|jes)?|mvg|atenciosamente|com os melhores cumprimentos|cumprimentos|abraços|vänliga hälsningar|med venlig hilsen|mvh)"
    r"(?:[\s,.!/|–-]+[\w.'’-]+){0,4}[\s,.!/|–-]*$",
    re.IGNORECASE,
)
_THANKS = re.compile(
    r"^(?:(?:many )?thanks(?: again| a lot| so much| in advance| and regards)?|thank you(?: very much| in advance| again)?|thx|danke(?: (?:und|&) gru(?:ß|ss))?|vielen dank(?: im voraus)?|besten dank|merci(?: d.avance| beaucoup)?|(?:muchas )?gracias(?: de antemano)?|grazie(?: mille)?|bedankt|dank(?: u| je)(?: wel)?|obrigad[oa])[\s,.!]*$",
    re.IGNORECASE,
)
_DEVICE = re.compile(
    r"^[\s<(\[]{0,4}(?:sent (?:from|via|with|by)|get \[?outlook for|von meinem|gesendet (?:von|mit|über)|diese nachricht wurde von mein|envoyé (?:de|depuis|à partir)|télécharger outlook|enviado (?:desde|do|de|a partir)|obtener outlook|inviato (?:da|dal)|verzonden (?:met|vanaf|van)|sendt fra|skickat från|from my iphone|outlook für (?:ios|android)|holen sie sich outlook|someone from mobile|從我的)[^\n]{0,100}$",
    re.IGNORECASE,
)
_DISCLAIMER = re.compile(
    r"^[\s*_>-]{0,6}(?:this (?:e-?mail|message|communication|transmission)\b[^\n]{0,60}\b(?:and|is|may|contains?|intended|confidential)|the (?:information|contents?) (?:contained )?(?:in|of) this|confidential(?:ity)?\b[^\n]{0,30}(?:notice|:|note)|disclaimer|if you (?:are not the intended|have received this)|"
    r"please consider the environment|think before you print|bitte (?:denken|prüfen) sie [^\n]{0,40}(?:umwelt|drucken|ausdrucken)|diese (?:e-?mail|nachricht) (?:enthält|ist|und|kann)|der inhalt dieser|vertraulichkeitshinweis|wichtiger hinweis:|ce (?:message|courriel|mail|courrier)\b[^\n]{0,60}\b(?:confidentiel|destiné|et|peut|contien)|"
    r"(?:este|esta) (?:mensaje|correo|comunicación)\b[^\n]{0,60}\b(?:confidencial|dirigid|y|puede|contiene)|aviso (?:legal|de confidencialidad)|questo messaggio|dit (?:bericht|e-?mailbericht)|esta mensagem|geschäftsführer\s?:|handelsregister|sitz der gesellschaft|amtsgericht|ust-?id|hrb \d|registered (?:office|in england)|company (?:registration|no))",
    re.IGNORECASE,
)
_FOOTER = re.compile(
    r"(?:unsubscribe|opt[- ]out|abmelden|abbestellen|désinscri|désabonn|darse de baja|dar de baja|uitschrijven|cancellar|preferences|stop receiving)[^\n]{0,80}(?:https?:|www\.|click|here\b|hier\b|ici\b|aquí|link|<http|visit|klick|cliqu)|(?:https?:|click|klick|cliqu|haga clic|clic|to stop receiving)[^\n]{0,120}(?:unsubscribe|opt[- ]out|abmelden|abbestellen|désinscri|désabonn|baja)|"
    r"^\W{0,4}(?:you(?:'re| are)? (?:received?|receiving|got) this (?:e-?mail|message|newsletter)|sie erhalten diese|vous recevez ce|recibes? este|to (?:unsubscribe|stop receiving))",
    re.IGNORECASE,
)
_FOOTER_WORDS = (
    "unsub",
    "opt",
    "abme",
    "abbe",
    "désin",
    "désab",
    "baja",
    "uits",
    "canc",
    "pref",
    "click",
    "klick",
    "cliqu",
    "clic",
    "http",
    "recei",
    "erhalten",
    "recev",
    "recib",
    "stop",
)
_BANNER = re.compile(
    r"^[\s*\[(!_>-]{0,8}(?:caution|external|warning|achtung|attention|vorsicht|extern\w*|notice|think before you click|atención)\b[^\n]{0,80}(?:external|originated|outside|extern|extérieur|externo|sender|absender|$)",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"^\s{0,4}(?:>|\||[A-Za-z]{1,12}> |C>)")
_POSTSCRIPT = re.compile(r"^\s*p\.? ?s\.?[\s:.,-]", re.IGNORECASE)
_RULE = re.compile(r"^[_\-=*]{6,}\s*$")


def human_text(text: str) -> str:
    """The person's own words; empty when there are none. Reads the first READ_CHARS."""
    lines = text[:READ_CHARS].replace("\r\n", "\n").replace("\r", "\n").split("\n")[:_READ_LINES]
    kept: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        stripped = line.strip()
        if not stripped:
            kept.append("")
        elif (_QUOTED.match(line) and not stripped.startswith("|")) or stripped.startswith("| "):
            pass
        elif (back := _attribution(lines, at)) is not None:
            if back:
                del kept[-back:]
            if not _quote_follows(lines, at + 1):
                break
        elif _ends_here(lines, at, kept):
            kept += _postscript(lines, at + 1)
            break
        elif not _is_noise(stripped, kept):
            kept.append(line)
        at += 1
    return "\n".join(kept).strip()


def _attribution(lines: list[str], at: int) -> int | None:
    """How many kept lines before this one belong to an "On ... wrote:"; None when this line ends no such line."""
    last = lines[at].rstrip()
    if not last.endswith((":", ">", "：", "----")):
        return 0 if _DATED_SENDER.match(last) and ("gmt" in last.lower() or _quote_follows(lines, at + 1)) else None
    joined, found = "", None
    for back in range(min(_ATTRIBUTION_LINES, at + 1)):
        above = lines[at - back].strip()
        if not above:
            break
        joined = f"{above} {joined}".strip()
        if len(joined) > 500:
            break
        if _DATED_SENDER.match(joined):
            return back
        if any(verb in joined.lower() for verb in _VERBS) and (
            _ATTRIBUTION.match(joined) or (found is None and _SENDER_LINE.match(joined))
        ):
            found = back
    return found


def _quote_follows(lines: list[str], at: int) -> bool:
    for line in lines[at : at + 4]:
        if line.strip():
            return _QUOTED.match(line) is not None
    return False


def _ends_here(lines: list[str], at: int, kept: list[str]) -> bool:
    line = lines[at].strip()
    has_text = any(kept)
    if _SEPARATOR.match(line) or _is_header_block(lines, at):
        return True
    if not has_text:
        return False
    if line in ("--", "—", "-- ", "__") or (_RULE.match(line) and line[0] in "_-="):
        return True
    if len(line) <= 60 and (_CLOSING.match(line) or (_THANKS.match(line) and _only_a_signature(lines, at + 1))):
        return True
    return _DISCLAIMER.match(line) is not None


def _is_header_block(lines: list[str], at: int) -> bool:
    if not _HEAD.match(lines[at]):
        return False
    return any(_HEAD_NEXT.match(line) for line in lines[at + 1 : at + 5])


def _only_a_signature(lines: list[str], at: int) -> bool:
    """Nothing but a name and short lines follow the thanks; a sentence there is part of the answer."""
    for line in lines[at : at + 4]:
        if _QUOTED.match(line) or _DEVICE.match(line.strip()):
            return True
        if len(line.split()) > 5:
            return _CLOSING.match(line.strip()) is not None or _attribution(lines, lines.index(line)) is not None
    return True


def _postscript(lines: list[str], at: int) -> list[str]:
    """A P.S. below the signature is the person's own words too."""
    for number, line in enumerate(lines[at : at + 15], start=at):
        if _QUOTED.match(line) or _SEPARATOR.match(line):
            return []
        if _POSTSCRIPT.match(line):
            end = number
            while end < len(lines) and lines[end].strip():
                end += 1
            return lines[number:end]
    return []


def _is_noise(line: str, kept: list[str]) -> bool:
    if _DEVICE.match(line):
        return True
    lower = line[:400].lower()
    if any(word in lower for word in _FOOTER_WORDS) and _FOOTER.search(lower):
        return True
    return not any(kept) and _BANNER.match(line) is not None
