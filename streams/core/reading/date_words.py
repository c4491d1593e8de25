"""The words of dates in the languages that the reply reader reads itself: months, weekdays, numbers, units."""
# ruff: noqa: E501  (all spellings of one thing are one line)

from __future__ import annotations


def _numbered(rows: str) -> dict[str, int]:
    """One row per number: all spellings, folded (lower case, no accents)."""
    return {word: at for at, row in enumerate(rows.strip().splitlines(), start=1) for word in row.split()}


MONTHS = _numbered("""
january jan januar janner jaenner janvier janv enero ene gennaio gen januari janeiro
february feb februar feber fevrier fevr febrero febbraio febbr februari fevereiro fev
march mar marz maerz mrz mars marzo maart mrt marco
april apr avril avr abril abr aprile
may mai mayo maggio mag mei maio
june jun juni juin junio giugno giu junho
july jul juli juillet juil julio luglio lug julho
august aug aout agosto ago augustus
september sep sept septembre septiembre settembre set setembro
october oct oktober okt octobre octubre ottobre ott outubro out
november nov novembre noviembre novembro
december dec dezember dez decembre diciembre dic dicembre dezembro
""")

WEEKDAYS = _numbered("""
monday mon mondays montag lundi lunes lunedi maandag segunda
tuesday tue tues dienstag mardi martes martedi dinsdag terca
wednesday wed weds mittwoch mercredi miercoles mercoledi woensdag quarta
thursday thu thur thurs donnerstag jeudi jueves giovedi donderdag quinta
friday fri freitag vendredi viernes venerdi vrijdag sexta
saturday sat samstag sonnabend samedi sabado sabato zaterdag
sunday sun sonntag dimanche domingo domenica zondag
""")

NUMBERS = _numbered("""
a an one ein eine einem einen einer un une uno una een um uma
two couple zwei deux dos due twee dois duas paar
three few drei trois tres tre drie quelques unos pocos einigen alguns enkele
four vier quatre cuatro quattro quatro
five funf cinq cinco cinque vijf
six sechs seis sei zes
seven sieben sept siete sette zeven sete
eight acht huit ocho otto oito
nine neun neuf nueve nove negen
ten zehn dix diez dieci tien dez
eleven elf onze
twelve zwolf douze doce dodici twaalf doze
""")

UNITS = {
    "day": "day days tag tage tagen jour jours dia dias giorno giorni dag dagen",
    "week": "week weeks wks woche wochen semaine semaines semana semanas settimana settimane weken",
    "month": "month months mo monat monate monaten mois mes meses mese mesi maand maanden",
    "quarter": "quarter quarters quartal quartale quartalen trimestre trimestres kwartaal kwartalen",
    "year": "year years jahr jahre jahren an ans annee annees ano anos anno anni jaar",
}
UNIT = {word: unit for unit, words in UNITS.items() for word in words.split()}

# Northern hemisphere, meteorological: first month of the season.
SEASONS = {
    3: "spring springtime fruhling fruhjahr printemps primavera voorjaar lente",
    6: "summer summertime sommer ete verano estate zomer verao",
    9: "autumn fall herbst automne otono autunno herfst najaar outono",
    12: "winter wintertime hiver invierno inverno",
}
SEASON = {word: month for month, words in SEASONS.items() for word in words.split()}

NEXT = "next|coming|following|nachste|nachsten|nachster|nachstes|nachstem|kommende|kommenden|kommendes|kommender|prochain|prochaine|proximo|proxima|siguiente|prossimo|prossima|volgende|volgend|komende"
EARLY = "early|beginning of|start of|begin|anfang|debut|principios de|inicios de|comienzos de|inizio|inicio de"
MID = "mid|middle of|mitte|mi|mediados de|meta|half|meados de"
LATE = "late|end of|the end of|ende|fin|finales de|fines de|final de|fine|eind|einde|fim de|ultimo"
