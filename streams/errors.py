"""What a person may see on stderr: one class per fault, each message says expected, got, where and what to do.

Law of this module: whoever raises one of these wrote the whole message for the person who must act; the command line
prints it as `Class: message` without a traceback and exits with `exit_code`. Anything else that reaches the command
line is a bug and keeps its traceback.
"""

from __future__ import annotations


class LeadlaneError(Exception):
    """A fault that a person can mend without reading code."""

    exit_code = 1

    def __str__(self) -> str:
        return f"{type(self).__name__}: {super().__str__()}"


class BadSettings(LeadlaneError):
    """Environment or options are wrong: the operator's."""

    exit_code = 2


class BrokerUnreachable(LeadlaneError):
    """No Kafka answers where it should: the operator's."""

    exit_code = 3


class LoginRefused(BrokerUnreachable):
    """Kafka answers, but not to this login or not over this kind of connection: the operator's."""


class NotAuthorised(LeadlaneError):
    """Kafka knows who this is and does not allow it: an ACL is missing."""

    exit_code = 9


class MissingTopic(LeadlaneError):
    """A topic that is needed does not exist: `leadlane topics apply` mends it."""

    exit_code = 4


class TopicsDiffer(LeadlaneError):
    """Topics exist, but not as declared in streams/topics.py."""

    exit_code = 4


class BrokerFailed(LeadlaneError):
    """The embedded Kafka could not be loaded or did not start; the message ends with its log's tail."""

    exit_code = 5


class NotReady(LeadlaneError):
    """Something that must be there before work starts is not, for example an active policy."""

    exit_code = 6
