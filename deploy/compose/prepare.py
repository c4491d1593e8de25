"""What `make up` needs before its first start: .env and secrets of this machine. What is there stays as it is."""

from __future__ import annotations

import base64
import os
import re
import secrets
from pathlib import Path

HERE = Path(__file__).parent
SECRETS = HERE / "secrets"


def main() -> None:
    if not (HERE / ".env").exists():
        text = (HERE / ".env.example").read_text("utf-8")
        write(HERE / ".env", re.sub(r"(?m)^SEAL_SECRET=$", f"SEAL_SECRET={key()}", text), 0o600)
    # The folder is for its owner alone; the files in it are read by the users that the containers run as.
    SECRETS.mkdir(mode=0o700, exist_ok=True)
    (SECRETS / "alertmanager").mkdir(exist_ok=True)
    for name, secret in (
        ("gateway_token", secrets.token_urlsafe(32)),
        ("sink_secret", f"whsec_{key()}"),
        ("grafana_password", secrets.token_urlsafe(16)),
    ):
        if not (SECRETS / name).exists():
            write(SECRETS / name, secret, 0o444)


def key() -> str:
    """32 random bytes in base64."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def write(path: Path, text: str, mode: int) -> None:
    """A file that nobody else could read while it was written."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    path.chmod(mode)
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
