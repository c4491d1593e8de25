"""The `leadlane` command: one table of names; a command's module is imported when it is called.

Next: streams/commands/
"""

from __future__ import annotations

import importlib
import sys

import click

from streams.errors import LeadlaneError

# name: (module:attribute, one line of help), in the order of a first day
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("streams.commands.demo:demo", "Run the whole pipeline here, with simulated traffic and people."),
    "doctor": ("streams.commands.doctor:doctor", "Check this machine, the settings and the cluster."),
    "broker": ("streams.commands.broker:broker", "Run an embedded Kafka in the foreground, for try-outs."),
    "topics": ("streams.commands.topics:topics", "Create and check the topics."),
    "schemas": ("streams.commands.schemas:schemas", "Check, list and register the schemas of the records."),
    "policy": ("streams.commands.policy:policy", "Check, compare, publish and roll back policies."),
    "roster": ("streams.commands.roster:roster", "Apply a file of reps; who is there, who is away."),
    "approval": ("streams.commands.approval:approval", "Grant, revoke and list approvals of outreach."),
    "switch": ("streams.commands.switch:switch", "Kill switches: turn automation off, and on again."),
    "model": ("streams.commands.model:model", "Models: who decides, promote, roll back."),
    "alarm": ("streams.commands.alarm:alarm", "What governance found wrong, and who has taken note."),
    "history": ("streams.commands.history:history", "The audit trail: who changed what, when and why."),
    "worker": ("streams.commands.worker:worker", "Decide what comes in: the lanes of one process."),
    "lab": ("streams.commands.lab:lab", "Learn from outcomes, publish models, watch over what they do."),
    "sink": ("streams.commands.sink:sink", "Deliver outputs to webhooks; what could not be delivered."),
    "gateway": ("streams.commands.gateway:gateway", "Take webhooks of platforms; check what a sample would become."),
    "feed": ("streams.commands.feed:feed", "Turn a CSV export into profiles, signals and labels."),
    "backtest": ("streams.commands.backtest:backtest", "How well would the learner have done on a CSV export?"),
    "replies": ("streams.commands.replies:replies", "Read raw mails: class, return date and the evidence."),
    "explain": ("streams.commands.explain:explain", "Say for a person why something was decided."),
    "replay": ("streams.commands.replay:replay", "Decide history again: as it was, or under another policy or model."),
    "review": ("streams.commands.review:review", "Review a month: errors, overrides, fairness, what to change."),
    "audit": ("streams.commands.audit:audit", "Prove that decisions were not changed; find a receipt of an erasure."),
    "forget": ("streams.commands.forget:forget", "Erase a lead everywhere, and say where what stays until when."),
    "privacy": ("streams.commands.privacy:privacy", "Keys that seal personal texts: how many; a new secret."),
    "dlq": ("streams.commands.dlq:dlq", "Dead letters: list, show, send again once."),
    "bench": ("streams.commands.bench:bench", "Measure throughput, memory and latency on this machine."),
    "chaos": ("streams.commands.chaos:chaos", "Kill, freeze, restart; was it exactly once?"),
    "settings": ("streams.commands.settings:settings", "Every setting, with the values in force."),
}


class Table(click.Group):
    """A group whose commands are known by name and help before their modules are imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(cls=Table, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="leadlane")
def cli() -> None:
    """Human-in-the-loop lead intelligence on Kafka."""


def main() -> None:
    """Run the command line; a LeadlaneError is one message on stderr and an exit code, never a traceback."""
    try:
        cli(prog_name="leadlane")
    except LeadlaneError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
