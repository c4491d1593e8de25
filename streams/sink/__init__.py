"""The HTTP sink: outputs of the lanes, delivered to webhooks of platforms that do not read Kafka.

The way of one record: intake.py (Kafka) -> target.py (the lead's line) -> leads.py -> gate.py -> post.py (HTTP) ->
progress.py (the group's offset); what a target does not take: parking.py -> sink.parked -> redrive.py, by hand.
"""
