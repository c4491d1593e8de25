"""A worker under a flood of broken messages: `python -m tests.fuzz`.

material: the messages · feed: sends them and remembers what it sent · accounts: finds every one again · run: all of it
"""
