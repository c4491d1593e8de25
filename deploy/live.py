"""The container's health check: does the process that this container runs answer /live?

Each long-running command serves it on a port of its own. Any other command has none and is healthy while it runs.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

PORTS = {  # command: (setting, its default)
    "worker": ("LEADLANE_WEB_PORT", "6066"),
    "lab": ("LEADLANE_LAB_WEB_PORT", "6067"),
    "gateway": ("LEADLANE_GATEWAY_WEB_PORT", "6068"),
    "sink": ("LEADLANE_SINK_WEB_PORT", "6069"),
}
SECONDS = 3


def port(words: list[str]) -> str:
    """Where the command in these words serves /live; "0" if nowhere."""
    command = next((word for word in words if word in PORTS), "")
    if not command:
        return "0"
    option = re.search(r"--web-port[= ](\d+)", " ".join(words))
    setting, default = PORTS[command]
    return option[1] if option else os.environ.get(setting) or default


def main() -> int:
    where = port(Path("/proc/1/cmdline").read_text().split("\0"))
    if where == "0":
        return 0
    try:
        with urlopen(f"http://127.0.0.1:{where}/live", timeout=SECONDS) as answer:
            return int(answer.status != 200)
    except (URLError, OSError) as error:
        print(f"/live on port {where}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
