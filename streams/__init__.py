"""Leadlane: signals about leads in, decisions out, exactly once, on Kafka.

One event, in the order of the files that it passes:

1  topics.py             every topic, once
2  lane/assignment.py    which worker has the lane of this partition
3  lane/wire.py          bytes -> event; lane/pipeline.py hands it on
4  lane/store.py         the lead's packed state
5  core/state.py         what is known of a lead
6  core/decide.py        fold, assess, act: holds, score, facts, policy, cases, route
7  core/gate.py          may this step go out?
8  core/effects.py       what goes out; lane/lane.py commits all of it in one transaction
9  metrics.py            what is counted

Arrows go one way: core imports only core (and msgspec; zen in core/policy.py, dateparser and vaderSentiment in
core/reading); lane imports core; lab stands on both; whatif, commands, demo, feed and bench stand on top.
tests/unit/test_architecture.py holds it.
"""
