"""HTTP in: webhooks of platforms become records of the lanes' topics.

platform.py   what a platform's module gives: who sent this, and what does it say
config.py     the YAML file: sources, limits, secrets by reference
mapping.py    one item of a platform -> records, by rules that are data
receive.py    one request: authenticate, read, map, accept, answer
accept.py     records onto Kafka, each once; 2xx only after the acknowledgement
server.py     HTTP around it
polling.py    sources that are asked instead of asking; their position on Kafka

Platforms: hubspot.py, salesforce.py, marketo.py (marketo_rest.py), segment.py, mailgun.py, sendgrid.py, ses.py
(sns.py), cloudevents.py, unsubscribe.py. They share payloads.py (JSON, forms, times), signing.py (secrets that senders
know), mails.py (a mail as data), leads.py (whose it is) and tokens.py (what senders print to find a lead again).
Beside accept.py: receipts.py (who waits for what), seen.py (ids that are known), tails.py (what stands on the topics)
and watch.py (is Kafka there?).
"""
