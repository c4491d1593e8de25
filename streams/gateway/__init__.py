"""HTTP in: webhooks of platforms become records of the lanes' topics.

platform.py   what a platform's module gives: who sent this, and what does it say
config.py     the YAML file: sources, limits, secrets by reference
mapping.py    one item of a platform -> records, by rules that are data
receive.py    one request: authenticate, read, map, accept, answer
accept.py     records onto Kafka, each once; 2xx only after the acknowledgement
server.py     HTTP around it
"""
