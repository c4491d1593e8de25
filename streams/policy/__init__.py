"""Policy documents: from YAML to what the core evaluates, with every fault said at once."""

from streams.policy.compile import load_policy
from streams.policy.faults import BadPolicy, Fault

__all__ = ["BadPolicy", "Fault", "load_policy"]
