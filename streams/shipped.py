"""Where the files are that are shipped with the code: the same in a checkout and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def policy_folder() -> Path:
    """The folder of the shipped policies: deploy/policy in a checkout, streams/_files/policy when installed."""
    installed = _HERE / "_files" / "policy"
    return installed if installed.is_dir() else _HERE.parent / "deploy" / "policy"


def default_policy() -> Path:
    """The policy that ships with Leadlane."""
    return policy_folder() / "default.yaml"
