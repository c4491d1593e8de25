"""Cues of somebody else: the wrong person, or whom to ask instead.

Each row is one language.
"""
# ruff: noqa: E501  (a phrase is one line)

from __future__ import annotations

from streams.core.reading.cues import Cue

WRONG_PERSON = (
    Cue(
        "wrong_person",
        "en",
        0.9,
        (
            "wrong person|contact|guy|department|address|team|recipient|individual|company|number|dept|lady|man",
            "not ... right|correct|best|appropriate|proper|relevant person|contact|one|guy|department|team|individual|point|address",
            "not .. person|one|contact ?you ?to ?for ?who ?that ?responsible ?in .. looking|need|want|responsible|charge|speak|talk|contact|handles|deals|decides|this",
            "not ... my|our|me|responsible area|department|remit|role|responsibility|job|domain|scope|field|decision|call|table|for",
            "not .. responsible|involved|charge|handle|deal|manage|decision ?for ?in ?with",
            "no longer .. responsible|handle|charge|role|position|manage|involved|oversee|deal",
            "do not .. handle|deal|manage|make|decide|own|work .. this|that|these|those|with|purchasing|such|decisions|in|it",
            "somebody|someone|anyone|person else|different",
        ),
        unless=(
            "not the right time|moment|fit|solution",
            "if ?i ?am ?you ?are ?not ?the wrong|right",
            "know someone|anyone",
            "not .. right person .. if",
            "not involved yet",
        ),
    ),
    Cue(
        "wrong_person",
        "de",
        0.9,
        (
            "falsche|falscher|falschen|verkehrte|falsch person|ansprechpartner|ansprechpartnerin|adressat|kontakt|adresse|stelle|abteilung|mann|frau",
            "nicht|kein ... richtige|richtiger|zuständig|zuständige|zuständiger|verantwortlich|ansprechpartner|ansprechpartnerin|richtigen|zuständigen",
            "nicht mehr ?dafür ?für zuständig|verantwortlich",
            "nicht .. meinen|mein|meinem|unser bereich|zuständigkeit|aufgabenbereich|thema|zuständigkeitsbereich|verantwortungsbereich",
            "bei mir|uns ?leider ?da falsch",
        ),
        unless=("ob|falls|wenn", "nicht der richtige zeitpunkt"),
    ),
    Cue(
        "wrong_person",
        "fr",
        0.9,
        (
            "mauvaise|mauvais personne|interlocuteur|interlocutrice|contact|service|adresse",
            "pas|plus .. bonne|bon|la|le ?bonne ?bon personne|interlocuteur|interlocutrice|contact|service",
            "pas|plus ... responsable|charge|concerné|concernée|compétent|ressort|décisionnaire|périmètre|occupe",
            "trompez|trompé|trompés .. personne|interlocuteur|destinataire",
            "erreur .. destinataire|personne|interlocuteur",
        ),
        unless=("si je ne", "si ce"),
    ),
    Cue(
        "wrong_person",
        "es",
        0.9,
        (
            "persona|contacto|departamento|destinatario|dirección equivocada|equivocado|incorrecta|incorrecto|errónea|erróneo",
            "no .. soy|es|somos .. persona|responsable|encargado|encargada|indicado|indicada|adecuado|adecuada|contacto|correcta ?correcta ?adecuada ?indicada ?responsable",
            "no ... responsable|encargo|encargado|llevo|competencia|corresponde|área|departamento ... $",
            "ya no .. encargo|llevo|responsable|encargado|encargada",
            "equivocado|equivocada .. de persona|contacto",
        ),
        unless=("si no",),
    ),
    Cue(
        "wrong_person",
        "it",
        0.86,
        (
            "persona|contatto|destinatario sbagliata|sbagliato|errata|errato",
            "non .. sono|è .. persona|referente|responsabile ?giusta ?corretta",
            "non .. occupo|competenza",
        ),
    ),
    Cue(
        "wrong_person",
        "nl",
        0.86,
        ("verkeerde|niet .. persoon|contactpersoon|afdeling|adres", "niet .. juiste|verantwoordelijk|goede ?persoon"),
    ),
    Cue(
        "wrong_person",
        "pt",
        0.86,
        (
            "pessoa|contato|contacto errada|errado|incorreta",
            "não .. sou .. pessoa|responsável ?certa ?correta|indicada",
        ),
    ),
)

REFERRAL = (
    Cue(
        "referral",
        "en",
        0.85,
        (
            "?please speak|talk|reach|contact|write|mail|ask|connect|get|direct|address|send|try|refer|approach|liaise|check ?out ?it ?this ?your ?mail ?message ?in ?touch ?directly ?to ?with ?up .. EMAIL",
            "forwarded|forwarding|forward|passed|passing|redirected|redirecting|handed|shared|sharing|passing ?this ?it ?on ?along ?your ?mail ?message ?over to|with",
            "cc|cced|ccing|copying|copied|adding|looping|loop|looped|added ?in ?my ?our ?here ?on ?to colleague|boss|manager|him|her|them|team|cc|who|EMAIL",
            "right|best|correct|better|appropriate person|contact|one|guy ... is|would|to",
            "speak|talk|reach|contact|connect|ask|write ?out ?to ?with ?directly my|our|your ?the colleague|boss|manager|team|counterpart|head|director|cto|ceo|cfo|cio|coo|cmo|vp|it|procurement|marketing|sales|purchasing|hr|department",
            "contact|ask|try|mail|email|reach|talk|speak ?to ?with ?out ?to ?instead .. instead|she|he|who|they",
            "you|it should|need|want|will|could|can|might ?to ?better contact|speak|talk|reach|ask|write|mail|try|get ?out ?to ?with ?in ?touch",
            "my|our|the colleague|boss|manager|counterpart|teammate|coworker|department|team ... handles|responsible|charge|deals|decides|takes|help|assist|cc|copied|instead|oversees|manages|leads|owns",
            "contact|ask|reach|mail|call ?out ?to them|him|her",
            "should|must|please go|send|forward|address|direct ?it ?this ?your ?mail ?message ?request to EMAIL",
            "introduce|introducing|introduced ?you to",
            "he|she|who|they|EMAIL ?is handles|handle|responsible|leads|runs|owns|manages|oversees|charge",
            "is responsible|charge ?for ?of",
            "point you|them .. to|towards|in",
            "put you .. in touch|contact",
            "her|his|their mail|email|address|contact is|details|info",
        ),
        unless=(
            "you|please|i|we|me should|can|could|want|happy|would|like ?to ?please talk|speak|contact|reach|call ?to ?with ?out me|us|you|soon|next|further|more|about|again",
            "contact|reach|mail|email|call|ask|write|tell ?out ?to ?back me|us|you ?at ?on ?again",
            "talk to|with you|me|us",
            "speak to|with you|me|us|a",
            "i am responsible|charge|handle|manage|lead|the",
            "we|i will|would ... forward ... hearing",
            "look|looking forward",
            "hear from my|our",
            "are you responsible|charge",
            "who is",
        ),
    ),
    Cue(
        "referral",
        "de",
        0.85,
        (
            "wenden|wende|wendet|richten ?sie ?dich ?sich ?bitte ?besser ?hierzu ?dazu ?hierfür .. an",
            "kontaktieren|kontaktiere|schreiben|schreibe|fragen|frag|sprechen|rufen|ansprechen ?sie ?bitte ?besser ?dazu ?am ?besten ... EMAIL|kollegen|kollegin|kollege|herrn|frau|chef|chefin|geschäftsführer|geschäftsleitung|leiter|abteilung",
            "weitergeleitet|weiterleiten|leite|weitergegeben|weitergebe|leiten ... ?an|weiter|kollegen|kollegin|weitergeleitet",
            "zuständig|verantwortlich|ansprechpartner|ansprechpartnerin|zuständiger|zuständige ?dafür ?hierfür ?für ... ist|wäre|herr|frau|mein|meine|kollege|kollegin|EMAIL",
            "mein|meine|meinen|meiner|meinem|unser|unsere|unseren|unserer kollege|kollegin|kollegen|chef|chefin|vorgesetzter|vorgesetzte|vorgesetzten|leiter|leiterin ... zuständig|kümmert|verantwortlich|hilft|helfen|übernimmt|cc|kopie|ansprechpartner|ansprechpartnerin|entscheidet|weiterhelfen",
            "setze|nehme|setzen ?sie .. cc|kopie",
            "in cc|kopie|kontakt .. kollege|kollegin|herr|frau",
        ),
        unless=(
            "an mich|uns|euch",
            "nicht zuständig|verantwortlich $",
            "ich bin .. zuständig|verantwortlich",
            "wer .. zuständig|ansprechpartner",
            "mit|bespreche|abstimmen|rücksprache .. meinem|meiner|meinen|unserem|unserer|den .. besprechen|bespreche|sprechen|abstimmen|abklären|klären",
        ),
    ),
    Cue(
        "referral",
        "fr",
        0.85,
        (
            "adressez|adresser|contactez|contacter|écrivez|écrire|voyez|voir|tournez|rapprochez|parlez|joindre|demandez ?vous ?plutôt ?directement ?à ?mon ?ma ?avec ... collègue|EMAIL|monsieur|madame|responsable|directeur|directrice|mme|mr|chef|service|auprès",
            "transféré|transmis|transfère|transmets|transférer|transmettre ... collègue|à|au|service|responsable|message",
            "mon|ma|notre|mes collègue|responsable|directeur|directrice|supérieur|chef|patron|confrère ... occupe|charge|responsable|copie|gère|aider|décide",
            "bonne|bon personne|interlocuteur|interlocutrice ... est|serait",
            "en copie",
            "s occupe|charge ... est|de|collègue",
        ),
        unless=(
            "contactez moi|nous",
            "contacter moi|nous|vous",
            "me|nous contacter",
            "pas la|le bonne|bon $",
            "parler|discuter|voir .. avec|à mon|ma|mes|notre",
            "qui est",
        ),
    ),
    Cue(
        "referral",
        "es",
        0.85,
        (
            "contacte|contacta|contacten|contactar|hablar|hable|habla|hablen|escriba|escriban|escribe|diríjase|dirigirse|póngase|ponte|consulte|pregunte|pregunta|comuníquese ?en ?contacto ?con ?a ?mejor ?directamente ?al ?se ... EMAIL|compañero|compañera|colega|señor|señora|sr|sra|responsable|jefe|jefa|director|directora|departamento",
            "reenviado|reenvío|reenviar|remitido|remito|trasladado|pasado ... a|compañero|compañera|colega|departamento",
            "mi|mis|nuestro|nuestra compañero|compañera|colega|jefe|jefa|responsable|director|directora ... encarga|responsable|lleva|copia|ayudar|decide|ayudarle",
            "persona|contacto responsable|adecuada|indicada|correcta|encargada ... es|sería",
            "encargado|encargada|responsable ... es|señor|EMAIL",
            "pongo|copio .. en ?copia|a",
        ),
        unless=(
            "contacte|contactar|hable ?me ?con ?conmigo nosotros|conmigo|me|usted",
            "no .. soy|es ?la .. persona|responsable|encargado $",
            "hablarlo|consultarlo|comentarlo .. con",
            "quién es",
        ),
    ),
    Cue(
        "referral",
        "it",
        0.82,
        (
            "contatti|contattare|contatta|scriva|scrivere|rivolga|rivolgersi|rivolgetevi|contattate|parli ... EMAIL|collega|responsabile|ufficio|dott|signor|signora",
            "inoltrato|inoltro|girato|giro ... collega|a",
            "mio|mia collega|responsabile|capo",
        ),
        unless=("contattatemi|contattarmi",),
    ),
    Cue(
        "referral",
        "nl",
        0.82,
        (
            "contact|mail|mailen|wenden|richten|benader|bel ?opnemen ?op ?met ?je ?u ?tot ... EMAIL|collega|manager|afdeling",
            "doorgestuurd|doorsturen|doorgezet ?naar ?aan",
            "mijn|onze collega|manager|leidinggevende|baas",
        ),
        unless=("contact .. met mij|ons",),
    ),
    Cue(
        "referral",
        "pt",
        0.82,
        (
            "contate|contacte|contatar|contactar|fale|falar|escreva|procure ?com ?o ?a ... EMAIL|colega|responsável|departamento|gestor|diretor",
            "encaminhei|encaminhado|encaminhar|reencaminhei|encaminho ... para|colega|a|ao",
            "meu|minha colega|chefe|gestor|gestora|diretor",
        ),
        unless=("contate|fale|contacte me|comigo|conosco|nos",),
    ),
)
