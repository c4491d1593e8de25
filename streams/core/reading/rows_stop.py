"""Cues that stop outreach: unsubscribe in prose, complaint and legal threat, objection to machines.

`unless` holds the traps: a footer link is no request, "not spam" is no complaint, a buyer asks whether we comply.
"""

from __future__ import annotations

from streams.core.reading.cues import Cue

# The other side of these words: a buyer who checks us, not a person who threatens.
_BUYER = (
    "review|reviews|reviewed|check|checks|sign|negotiate|look|contract|agreement|nda|dpa|msa|avv|terms|vertrag|prüf*|contrat|contrato",
    "compliant|compliance|conform|konform|konforme|conforme|hosting|gehostet|hosted|certified|zertifiziert",
)
_SPAM_FOLDER = (
    "spam|junk folder|ordner|filter|filters|box|verzeichnis|fighter",
    "in|into|im|from|my|meinem|dans|en|mes|mis|to|als|comme|por|de|inside spam|spams|junk ?folder|ordner $",
    "not|no|nicht|kein|pas|isnt spam",
    "landed|ended|went|found|gelandet|arrivé|tombé|acabó|llegó ... spam|spams|spamordner|junk",
    "dossier|carpeta|cartella spam|spams",
)
_FOOTER = ("URL", "click|clicking|klicken|cliquez|clic|haga|link|button here|hier|ici|aquí|below|unten", "if you wish|want|would|no|prefer ... unsubscribe|receive|stop")
_NOT_MEANT = (
    "do|did|not|never|nicht|pas|no|without ?want|wish|mean|intend|asked|need ?to unsubscribe|unsubscribed|abmelden|abgemeldet",
    "accident*|mistake*|versehentlich|erreur|error unsubscribe*|abgemeldet|désabonné",
    "unsubscribed|abgemeldet|désabonné .. accident*|mistake*|versehentlich|erreur|error",
    "remove .. from .. invite|invitation|meeting|calendar|call|event|demo|room|invoice|quote",
    "do not remove|unsubscribe|delete",
)

UNSUBSCRIBE = (
    Cue("unsubscribe", "en", 0.95, (
        "^ ?please ?kindly unsubscribe|unsubscribed|unsub ?me ?please ?now ?thanks ?thank ?you $",
        "please|kindly|now unsubscribe", "unsubscribe|unsub me|us|this|my|our|immediately|please|from", "opt|opting|opted me|us|out ?me ?us ?of out|from|please|$",
        "^ ?please opt out", "want|wish|like|need|asking|asked|requesting|request to be unsubscribed|removed",
        "want|wish|like|need|prefer|have|asked to unsubscribe|opt",
        "remove|delete|take|drop|strike|scratch me|us ?off .. list|lists|mails|mail|mailing|database|crm|distribution|sequence|campaign|cadence|records|system|off",
        "remove|delete|take .. me|us|my|our .. mail|address|name|details|info|information|contact|contacts|data|number ... list|lists|database|crm|records|system|mailing|files",
        "?please remove|delete me|us ?immediately ?now ?asap ?please ?thanks ?thank ?you $", "please|kindly remove|delete me|us", "remove me|us please|immediately|now|asap|from",
        "remove|delete|erase .. my|our ?mail ?contact ?personal|email address|data|details|information ?please $",
        "please|kindly ?immediately remove|delete|erase .. my|our ?mail ?contact ?personal address|data|details|information|name|number",
        "take me|us|my off|out", "get me off", "off|from your|this|the ?mailing ?email ?distribution list",
        "stop .. mailing|emailing|messaging|contacting|writing|sending|bothering|texting|calling|pestering|soliciting|pitching ?me ?us",
        "stop .. mails|messages|sequence|outreach|newsletter|follow|followups|reminders",
        "cease|discontinue|refrain .. contacting|mailing|emailing|sending|contact|communication|communications|messaging",
        "do not|never ?ever ?please mail|email|message|contact|write|call|text|send|bother ?me ?us ?to ?again ?any ?further ?anymore ?mails ?messages anymore|again|further|more|ever|me|us|mails|please|$",
        "do not want|wish|care ?to receive|get|hear .. mails|mail|messages|more|anything|newsletter|communications|from|these|your|any",
        "do not want ?any|your ?more ?of ?your|these mails|messages|newsletter|spam", "no|not more mails|messages|newsletter|outreach|followups|please",
        "no further mails|mail|contact|communication|communications|messages|correspondence", "no longer ?want|wish|interested|like|care ?to ?in ?be receive|receiving|hear|contacted|mailed|get|getting",
        "no longer .. receive|get|contacted|mailed", "not .. receive|get any|further|more|future mails|messages|communications",
        "^ stop ?please ?it ?this ?now $", "leave me|us alone", "lose my ?mail ?email number|address|contact", "quit|enough .. emailing|mailing|contacting|messages|mails",
        "withdraw|revoke .. consent", "never contact|mail|email|message|write me|us", "off ?of your ?mailing ?mail list|lists|sequence",
        "how .. i|we unsubscribe|stop ?receiving", "block|blocking|blocked you|your|this|sender|domain", "not sign|signed|subscribe|subscribed|opt up|to|for|in",
        "never signed|subscribed|opted|agreed|consented|asked up|to|for|in", "not|never contact me|us again|anymore|further",
    ), unless=(*_FOOTER, *_NOT_MEANT)),
    Cue("unsubscribe", "de", 0.95, (
        "nimm|nehmen|nehmt|streich|streichen|streicht|entfern|entferne|entfernen|entfernt|lösch|lösche|löschen|löscht ?sie ?bitte mich|uns|meine|meinen|unsere|meinem ... verteiler|liste|adresse|mailadresse|mail|daten|datenbank|newsletter|kontakt|kontaktdaten|namen|system|mailingliste|verteilerliste",
        "aus|von .. verteiler|mailingliste|verteilerliste|mailverteiler|newsletter|liste|datenbank|emailverteiler", "bitte .. abmelden|austragen|abbestellen",
        "meine|meinen|unsere ?mail ?e ?kontakt daten|adresse|mailadresse|kontaktdaten ?bitte ?umgehend ?sofort ?aus .. löschen|entfernen",
        "löschung meiner|unserer ?personenbezogenen daten|adresse", "melde|melden ?sie mich|uns .. ab", "abmelden|abmeldung|austragen|abbestellen|unsubscribe ?bitte $", "trag|trage|tragen ?sie mich|uns .. aus",
        "keine ?weiteren ?werbe ?mehr ?e mails|mail|emails|nachrichten|werbung|werbemails|newsletter|mailings|kontaktaufnahme|zusendungen ... mehr|bekommen|erhalten|schicken|senden|schreiben|zusenden|bitte|$",
        "keine weiteren ?e ?werbe mails|mail|emails|nachrichten|werbemails|newsletter|kontaktaufnahmen|anfragen", "keine werbung|newsletter|werbemails|werbemail|reklame",
        "nicht mehr ?zu ?per ?mail|an kontaktieren|kontaktiert|anschreiben|angeschrieben|schreiben|kontaktiere|anmailen|belästigen|belästigt",
        "kontaktieren|schreiben|kontaktiere|schreib|schreibt|mailen|schicken ?sie|mir|mich|uns ... nicht|nie|keine mehr|wieder|weiteren|mails",
        "hör|hören|hört|unterlassen|unterlasse|unterlasst ?sie|es ?bitte ?endlich ?damit ... auf|mails|nachrichten|schreiben|werbung|kontaktaufnahme|zusendung|kontaktaufnahmen",
        "widerspreche|widersprechen|widerspruch|widerrufe ... werbung|werbezwecken|werblich*|nutzung|verwendung|verarbeitung|daten|einwilligung|zusendung|kontaktaufnahme|direktwerbung",
        "lassen|lasst|lass ?sie mich|uns ?bitte ?endlich in ruhe", "nie|niemals wieder|mehr schreiben|kontaktieren|anschreiben", "kein interesse an weiteren|ihren|euren|deinen mails|nachrichten|newsletter",
        "möchte|will|wollen|möchten|wünsche .. nicht|nichts|keine mehr ?von ... hören|bekommen|erhalten|kontaktiert|angeschrieben|lesen",
    ), unless=(*_FOOTER, "nicht|nie|versehentlich abmelden|abgemeldet", "urlaub|bis|diese|heute nicht mehr erreichbar")),
    Cue("unsubscribe", "fr", 0.95, (
        "retirez|retirer|enlevez|enlever|supprimez|supprimer|effacez|retire|enlève|supprime|rayez|ôtez ?moi ?nous ?mon ?mes ?notre ?me ?s ?il ... liste|listes|base|adresse|mail|données|fichier|fichiers|coordonnées|contacts|diffusion|nom|mailing",
        "me|nous|se désinscrire|désabonner|désinscrivez|désabonnez|retirer|désinscris|désabonne", "désinscription|désinscrire|désabonner|désabonnement|désinscrivez|désabonnez ?moi ?svp ?merci $", "désinscrivez|désabonnez|désinscris|désabonne moi|nous",
        "ne|n ?me ?nous ?plus .. souhaite|veux|désire|souhaitons|voulons|voudrais|désirons .. plus ... recevoir|contacté|contactée|contactés|reçevoir|sollicité|sollicitée|sollicités|entendre",
        "ne ?plus ?me|nous ?plus contactez|écrivez|contacter|écrire|envoyez|envoyer|sollicitez|solliciter ?moi ?plus plus|me|m|jamais|nous|rien",
        "ne plus .. recevoir|contacter|écrire|solliciter|envoyer|m|me|être", "plus recevoir|reçevoir .. mails|mail|courriels|messages|newsletter|emails|sollicitations|publicités",
        "arrêtez|arrêter|cessez|cesser|stop|arrête|stoppez .. m|me|mails|mail|envoyer|écrire|contacter|envois|messages|courriels|solliciter|nous|emails|harceler|sollicitations",
        "plus de mails|mail|messages|courriels|newsletter|emails|sollicitations", "laissez|laisse|fichez|foutez moi|nous tranquille|tranquilles|paix|la", "oppose|opposons|opposition .. prospection|démarchage|traitement|utilisation", "retire mon consentement",
    ), unless=(*_FOOTER, "pas|sans me désinscrire|désabonner", "erreur", "est plus|pas possible")),
    Cue("unsubscribe", "es", 0.95, (
        "darme|darnos|dar|dadme|deme|denme|dame|dénme|dése de|me ?de baja", "baja ?por ?favor ?gracias $", "darme|darnos|dar|deme|dame|dadme|denme|dénme|quiero|solicito|solicitamos|tramitar ?la ?mi ?de baja",
        "elimine|eliminen|eliminar|elimina|eliminad|borre|borren|borrar|borra|quite|quiten|quitar|quita|saque|saquen|sacar|suprima|suprimir|retire|retiren|retirar ?me ?nos .. mi|mis|me|nuestro|nuestros|nuestra|nos ... lista|listas|base|datos|correo|dirección|email|mail|contacto",
        "elimíneme|elimínenme|eliminarme|elimíname|bórreme|bórrenme|borrarme|bórrame|quíteme|quítenme|quitarme|quítame|sáqueme|sáquenme|sácame|sacarme|retíreme|suprímame|desuscribirme|desuscríbame|desuscribir|desuscríbeme",
        "no me|nos escriba|escriban|escribas|contacte|contacten|contactes|envíe|envíen|envíes|mande|manden|mandes|moleste|molesten|vuelva|vuelvan|enviéis|contactéis|mandéis ?a ?más",
        "no .. quiero|deseo|queremos|deseamos|quisiera ... recibir|reciban|correos|mensajes|contacten|mails|emails", "no .. más correos|correo|mensajes|mails|emails|publicidad", "dejen|deje|deja|dejad|paren|pare|cesen .. de|en enviar*|mandar*|escribir*|contactar*|molestar*|paz",
        "cancelar|cancele|cancelen|anular|anulen .. suscripción", "revoco|retiro .. consentimiento", "oposición|opongo ... tratamiento|datos|publicidad|comerciales",
    ), unless=(*_FOOTER, "dar de baja .. contrato|cuenta|servicio|línea", "error")),
    Cue("unsubscribe", "it", 0.9, ("cancellatemi|cancellami|rimuovetemi|rimuovimi|disiscrivetemi|toglietemi|disiscrivere|disiscrivimi|eliminatemi", "non|no .. voglio|desidero|vogliamo .. ricevere|essere .. mail|email|messaggi|comunicazioni|contattato|contattata|più", "non ?mi scrivetemi|contattatemi|inviatemi|contatti|scriva|mandatemi|scrivermi|contattarmi più", "smettete|smettetela|basta .. mail|email|scrivere|scrivermi|inviarmi|mandare|contattarmi|messaggi", "rimuovere|rimuovete|cancellare|cancellate|togliere|togliete|rimuova|cancelli .. mio|mia|miei|nostro|nostra .. indirizzo|mail|email|dati|nominativo"), unless=_FOOTER),
    Cue("unsubscribe", "nl", 0.9, ("uitschrijven|afmelden|afmelding ?aub ?graag $", "schrijf|meld|haal|verwijder|gelieve ?a ?u ?b ?alstublieft mij|me|ons|mijn|onze ... lijst|mailinglijst|uit|af|bestand|adres|gegevens|database|verwijderen", "geen ?verdere e ?mails|mail|berichten ?meer", "geen mails|mail|mailtjes|berichten|nieuwsbrief|reclame meer", "stop .. mailen|sturen|contact|benaderen|contacteren", "niet meer .. mailen|benaderen|benaderd|contacteren|contact|ontvangen|gemaild", "graag|wil|wilt .. uitschrijven|afmelden|verwijderen|uitgeschreven|verwijderd"), unless=_FOOTER),
    Cue("unsubscribe", "pt", 0.9, ("remova|removam|remover|retire|retirem|retirar|exclua|excluam|excluir|tire|tirem|apague|apaguem .. me|meu|meus|nosso|nossos|minha ... lista|listas|base|dados|email|mail|contato|contacto|endereço", "não .. quero|desejo|queremos|gostaria ... receber|recebam|contactado|contatado|emails|mails", "não me|nos enviem|envie|contactem|contacte|contate|contatem|escrevam|escreva|mandem", "parem|pare|deixem .. de|com enviar|mandar|escrever|contatar|contactar|emails|mails", "cancelar|cancelem .. inscrição|subscrição|assinatura", "descadastrar|descadastrem|descadastre|descadastrar*"), unless=_FOOTER),
)  # fmt: skip

COMPLAINT = (
    Cue("complaint", "en", 0.9, (
        "spam|spamming|spammer|spammers|spammy|spammed", "reported|reporting|report|flag|flagged|flagging|marked|marking|mark .. you|this|your|it|sender|as ... spam|junk|abuse|phishing|authorities|authority|ftc|ico|provider|isp",
        "harassment|harassing|harass|harassed", "unsolicited", "file|filing|filed|lodge|lodging|make|making .. complaint|report", "want|wish|like to complain", "where|how .. you|they .. get|got|obtain|obtained|find|found|have|buy ?hold .. my|our .. mail|address|data|details|contact|number|name|information",
        "who gave|sold you my|our", "not|never|without .. give|gave|given|gave ?you .. consent|permission|authorization|authorisation", "without my|our ?prior ?explicit consent|permission", "ridiculous|unacceptable|outrageous|disgusting|shame|shameful|unprofessional ... mails|mail|outreach|message|messages|practice|practices|marketing|on|behaviour|behavior|$",
        "scam|scammer|scammers|phishing|fraud|fraudulent", "fuck|fucking|piss|asshole|bullshit",
    ), unless=(*_SPAM_FOLDER, "anti|reduce|stop|fight|fighting|prevent|prevention|detection|protection|avoid ?the spam|fraud|phishing", "fraud|phishing|spam prevention|detection|protection|team|department|issues|problem|problems|solution|awareness|simulation|training", "not .. spam|scam|phishing", "apolog*|sorry|worried")),
    Cue("complaint", "de", 0.9, (
        "spam|spammer|spamming|spammen|spammst|spamt|spammails", "belästigung|belästigen|belästigt|belästigend", "beschwerde|beschweren|beschwere ... ?einreichen|einlegen|über|behörde|aufsichtsbehörde|datenschutz*|mich|$", "unverlangt|unverlangte|unaufgefordert|unaufgeforderte|unerwünschte|unerwünschter|ungefragt",
        "woher haben|hast|habt|stammt|stammen .. meine|meinen|mein|unsere|diese .. adresse|mailadresse|daten|mail|kontakt|kontaktdaten|nummer", "nie|niemals|keine .. zugestimmt|einwilligung|eingewilligt|zustimmung|erlaubnis", "ohne .. einwilligung|zustimmung|erlaubnis", "frechheit|unverschämt|unverschämtheit|dreist|unseriös|betrug|betrüger", "melde|melden .. ?sie ?das ?dies als spam|bundesnetzagentur|behörde|datenschutz*",
    ), unless=(*_SPAM_FOLDER, "gegen spam|betrug", "spamordner|spamfilter")),
    Cue("complaint", "fr", 0.9, (
        "spam|spams|spammer|spammez|pourriel|pourriels", "harcèlement|harceler|harcelez", "plainte|réclamation ... ?déposer|porter|cnil|auprès|contre|$", "porter|déposer|porterai|déposerai plainte", "non sollicité|sollicitée|sollicités|sollicitées", "comment|où|d .. avez|as .. obtenu|eu|trouvé|récupéré .. mon|mes|notre .. adresse|mail|coordonnées|données|contact|numéro", "jamais .. donné|consenti|accepté|autorisé|demandé ... accord|consentement|autorisation|adresse|recevoir|$", "sans mon|notre accord|consentement|autorisation", "inadmissible|inacceptable|scandaleux|honteux|arnaque|arnaqueurs|escroquerie", "signale|signaler|signalé .. comme|cnil|spam",
    ), unless=(*_SPAM_FOLDER, "contre .. spam|fraude|phishing", "pas .. spam|arnaque")),
    Cue("complaint", "es", 0.9, (
        "spam|spamear|spameando|spammers", "acoso|acosando|acosar|hostigamiento", "denuncia|denunciar|denunciaré|denunciarles|denunciarlos|denunciaremos|denunciado", "queja|reclamación|reclamo ... ?presentar|presentaré|aepd|agencia|formal|contra|interponer|$", "no solicitado|solicitados|solicitada|solicitadas|deseado|deseados", "dónde|cómo .. sacado|conseguido|obtenido|obtuvieron|consiguieron|sacaron|tienen|tiene|consiguió|obtuvo .. mi|mis|nuestro .. correo|dirección|datos|email|mail|contacto|número|teléfono", "nunca .. he|di|hemos|dimos .. dado|autorizado|consentido|consentimiento|permiso|autorización", "sin mi|nuestro consentimiento|permiso|autorización", "inaceptable|vergüenza|vergonzoso|estafa|estafadores|fraude|timo",
    ), unless=(*_SPAM_FOLDER, "contra .. spam|fraude", "prevención|detección .. fraude", "no .. spam|estafa")),
    Cue("complaint", "it", 0.85, ("spam|spammare|spammando|spammer", "molestia|molestie|molesto|molestare", "reclamo ... garante|presentare|$", "garante ?della|per privacy", "senza .. consenso|autorizzazione", "dove|come .. avete|ha .. preso|ottenuto|trovato|avuto .. mio|mia|miei"), unless=(*_SPAM_FOLDER, "non .. spam", "cartella|nella|nello spam")),
    Cue("complaint", "nl", 0.85, ("spam|spammen|spammer", "klacht|klachten ... indienen|autoriteit|$", "lastig|lastigvallen|lastiggevallen ?vallen", "ongevraagd|ongevraagde|ongewenst|ongewenste", "zonder .. toestemming", "hoe|waar .. komt|komen|heeft|hebben ?u ?jullie ?je ?aan mijn|ons ?aan .. adres|gegevens|mailadres"), unless=(*_SPAM_FOLDER, "geen spam", "spamfilter|spammap|spambox")),
    Cue("complaint", "pt", 0.85, ("spam|spams", "assédio|assediando|importunar", "denunciar|denúncia|denunciarei", "reclamação|queixa ... procon|anpd|cnpd|formal|$", "sem .. consentimento|autorização|permissão", "onde|como .. conseguiram|obtiveram|conseguiu|obteve .. meu|meus|nosso"), unless=(*_SPAM_FOLDER, "não .. spam", "pasta|caixa de spam")),
)  # fmt: skip

LEGAL = (
    Cue("legal", "en", 0.9, (
        "lawyer|lawyers|attorney|attorneys|solicitor|solicitors|counsel ... contact|contacting|hear|touch|involve|involved|write|writing|court|action|inform|informed|sue|matter|handle|letter|case|claim",
        "hear|hearing|letter|contact|contacted|word .. from .. lawyer|lawyers|attorney|attorneys|solicitor|solicitors|counsel|legal", "my|our lawyer|lawyers|attorney|attorneys|solicitor|solicitors|counsel|legal will", "forward|forwarded|forwarding|pass|passed|involve|involving|inform|informing|instruct|instructed|escalate ... my|our|a|an|to lawyer|lawyers|attorney|attorneys|solicitor|solicitors|counsel", "legal|court action|proceedings|steps|consequences|measures|claim|recourse", "sue|suing|lawsuit|litigation", "take you|this to court", "cease ?and desist",
        "gdpr|ccpa|cpra|pecr|casl|lgpd", "can spam act|law|laws|regulation|regulations|violation", "data protection authority|officer|complaint|act|commissioner|breach|violation|violations", "article|art 15|17|21", "subject access request", "right to be forgotten|erasure", "illegal|illegally|unlawful|unlawfully|violation|violating|violates|breach|breaching ... data|mail|mails|mailing|law|laws|privacy|regulation|contact|contacting|message|messages|outreach|rights|marketing|this|my|gdpr", "information commissioner", "data breach ?law ?complaint",
    ), unless=(*_BUYER, "looking|need|interested|questions|question|about|regarding|solution|how|tool|product|software|platform|does|where|your ... gdpr|ccpa|lgpd|data", "interested|great|happy ... legal|lawyer|counsel|gdpr", "i am ?a|an|the ?in ?corporate lawyer|attorney|solicitor|legal|counsel|house", "gdpr|ccpa ready|expert|officer|question|questions|documentation|docs|policy|certification|solution|tool|software")),
    Cue("legal", "de", 0.9, (
        "anwalt|anwältin|anwälte|rechtsanwalt|rechtsanwältin|rechtsabteilung ... einschalten|übergeben|melden|hören|weiter*|schritte|informier*|kontaktieren|gegen|meldet|abgeben|prüfen", "meinen|meinem|unseren|unserem|meine|unsere|mein|unser anwalt|anwältin|rechtsanwalt|rechtsabteilung|rechtsanwältin ... wird|übergeben|einschalten|weiter*|vor|leiten|geben", "hören .. von|vom .. anwalt|rechtsanwalt|anwältin", "abmahnung|abmahnen|abgemahnt|abmahne", "unterlassung|unterlassungserklärung|unterlassungsklage|unterlassungsaufforderung", "rechtliche|rechtlichen|juristische|juristischen schritte|konsequenzen|mitteln|maßnahmen", "anzeige erstatten|erstatte|gegen", "verklage|verklagen|klage ?gegen",
        "dsgvo|ds gvo|uwg|bdsg|gdpr", "aufsichtsbehörde|datenschutzbehörde|landesdatenschutz*|datenschutzbeauftragte|datenschutzbeauftragten|verbraucherzentrale|wettbewerbszentrale", "art|artikel 15|17|21 ?abs ?dsgvo", "auskunft .. daten|art|artikel|datenschutz|gespeicherten", "verstoß|verstoßen|verstößt .. gegen", "rechtswidrig|illegal|unzulässig|unzulässige|rechtswidrige|gesetzwidrig",
    ), unless=(*_BUYER, "vertrag|vertrags|vertragsprüfung|avv|adv|angebot|konform|konforme|konformität|gehostet|hosting|zertifiziert|einkauf", "fragen|frage|wie|ist|sind|erfüllt|suchen|interesse|interessiert|lösung|software ... dsgvo|gdpr|rechtsabteilung")),
    Cue("legal", "fr", 0.9, ("avocat|avocats|avocate ... contacter|contactera|saisir|saisi|transmettre|transmis|transmets|informer|entendre|nouvelles|poursuite|affaire|dossier", "nouvelles .. de .. avocat|avocats", "mon|notre|nos|mes avocat|avocats ... contact*|sais*|transm*|écri*|va|vont", "mise ?en demeure", "poursuites|poursuite|action|actions|voies|recours|suites judiciaire|judiciaires|juridique|juridiques|justice|légale|légales|légal", "action|agir|poursuivre ?vous ?en justice", "rgpd|cnil|gdpr", "droit à|a ?l effacement|oubli|opposition|accès", "article|art 15|17|21", "illégal|illégale|illicite|contraire à|à|a ?la loi", "illégal|illégale|illégaux|illicite|illicites"), unless=(*_BUYER, "contrat|conforme|conformes|conformité|hébergé|hébergement|certifié|devis", "questions|question|comment|êtes|est|solution|logiciel|intéressé|intéressée ... rgpd|gdpr")),
    Cue("legal", "es", 0.9, ("abogado|abogados|abogada ... contact*|acciones|demanda|pondrá|pondrán|hablar|noticias|recib*|escrib*|caso|denuncia*", "mi|mis|nuestro|nuestros abogado|abogados ... contact*|escrib*|pondr*|denunc*|acciones", "acciones|medidas|vía|vías legales|judiciales|legal|judicial", "demandar|demandaré|demandaremos|demandarlos|demandarles", "burofax|requerimiento", "rgpd|lopd|lopdgdd|aepd|gdpr", "agencia ... protección ?de datos", "derecho ?de ?al a|al|de olvido|supresión|oposición|acceso", "artículo|art 15|17|21", "ilegal|ilegales|ilícito|ilícita"), unless=(*_BUYER, "contrato|cumplen|cumple|cumplimiento|conforme|alojado|certificado|presupuesto|revisar|revisión", "preguntas|pregunta|cómo|solución|software|interesado|interesada|interesa ... rgpd|lopd|gdpr")),
    Cue("legal", "it", 0.85, ("avvocato|avvocati|legale ... contatt*|sentirà|sentirete|azioni|procedere|rivolg*|scriv*", "azioni|vie legali", "diffida|diffido", "gdpr ?violazione", "garante .. privacy"), unless=(*_BUYER, "contratto|conforme|conformi|conformità|rivedere|preventivo",)),
    Cue("legal", "nl", 0.85, ("advocaat|advocaten|jurist ... contact|inschakelen|horen|opnemen|stappen", "juridische stappen|actie|maatregelen", "avg|gdpr ?overtreding ?schending", "autoriteit persoonsgegevens", "sommatie|sommeer"), unless=(*_BUYER, "contract|conform|compliant|voldoen|voldoet|gehost|verwerkersovereenkomst|offerte",)),
    Cue("legal", "pt", 0.85, ("advogado|advogados ... contat*|contact*|ações|entrará|processo|caso", "medidas|ações|ação legais|judiciais|judicial|legal", "processar|processarei ?vocês", "lgpd|rgpd|gdpr|procon"), unless=(*_BUYER, "contrato|conforme|conformidade|compliance|adequados|orçamento",)),
)  # fmt: skip

OBJECTION = (
    Cue("objection", "en", 0.9, (
        "speak|talk|talking|speaking|chat|connect|deal|write|contact ?directly to|with ?a ?an ?real ?actual ?live ?some human|humans|person|someone ?real ?human ?actual", "real|actual|live|human person|human|being|people|agent|rep|someone", "is|are|am .. bot|robot|automated|ai|machine|chatbot ?generated", "not|stop .. a|with|to|by bot|bots|robot|robots|machine|machines|algorithm|ai", "object|opt|objection|objecting|refuse ... profiling|profiled|automated|scoring|scored|algorithm|algorithms|processing|ai|tracking",
        "not|do|never .. want|wish|consent|agree|like ... profiled|profiling|scored|scoring|tracked|tracking|automated", "profiling|profiled|automated ?decision ?decisions ?making .. object|stop|opt|consent|not", "automated decision|decisions|decisioning", "article|art 22", "human ?review|intervention ?please review|intervention", "stop profiling|tracking|scoring me|us|my", "any|some|an|a human|person|one ?actually ?really read|reads|reading|there|behind|here",
    ), unless=("in|as|for person meeting|demo|visit", "chatbot|bot|ai|profiling|tracking|automated|scoring product|solution|tool|feature|vendor|project|software|platform", "looking|interested ... bot|chatbot|automated|scoring|ai", "right|wrong|best|responsible|correct person")),
    Cue("objection", "de", 0.9, ("mit .. menschen|mensch|echten|echter|richtigen|realen|jemandem ?menschen ?person ?mitarbeiter ... sprechen|reden|schreiben|kontakt|telefonieren", "echter|echten|richtigen|richtiger|realer mensch|menschen|ansprechpartner|mitarbeiter", "bot|roboter|ki|maschine|chatbot|automat oder ?ein mensch", "ist|bist|sind|bin .. bot|roboter|ki|maschine|automatisiert|automatisierte|chatbot", "keinem|keinen|mit|vom bot|roboter|maschine|algorithmus|bots", "profiling|profilbildung|scoring ... widersprech*|widerspruch|nicht|zustimmung|ablehn*|lehne", "widersprech*|widerspruch|lehne ... profiling|profilbildung|automatisierte|automatisierten|scoring|tracking", "automatisierte|automatisierten|automatisierter entscheidung|entscheidungen|entscheidungsfindung|einzelentscheidung", "art|artikel 22"), unless=("lösung|tool|software|produkt|projekt|suchen|interessiert",)),
    Cue("objection", "fr", 0.9, ("parler|échanger|discuter|communiquer .. à|avec .. humain|humaine|personne|quelqu|conseiller ?réel ?réelle ?humain", "vraie|véritable|réelle personne|humain", "est|êtes|es .. robot|bot|automatique|automatisé|ia|machine", "pas .. robot|bot|machine|automate", "oppose|opposons|refuse|opposition ... profilage|automatisé|automatisée|automatisées|scoring|algorithme", "décision|décisions automatisée|automatisées", "profilage ... refuse|oppose|accord|consentement", "article|art 22", "être humain"), unless=("bonne|mauvaise|autre personne", "solution|logiciel|produit|projet|outil")),
    Cue("objection", "es", 0.9, ("hablar|comunicarme|tratar|contactar .. con|a .. persona|humano|alguien|agente ?real ?humana ?de ?verdad", "persona|humano|alguien real|humana|verdad", "es|eres|son|esto .. robot|bot|automático|automatizado|ia|máquina", "no .. robot|bot|máquina|bots", "opongo|oposición|rechazo|oponemos|negamos ... perfiles|perfilado|automatizada|automatizadas|scoring|perfil|automatizado", "decisión|decisiones automatizada|automatizadas", "elaboración de perfiles", "artículo|art 22", "ser humano"), unless=("correcta|adecuada|indicada|equivocada|responsable", "solución|producto|proyecto|herramienta")),
)  # fmt: skip
