"""`make up` and `make down`: compose.yaml with the container engine of this machine, Docker's or Podman's."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# The file that says what the image is called; the engine reads it too.
ENV = HERE / ".env"
ENGINES = (  # (how compose is called, how images are built)
    (["docker", "compose"], ["docker", "build"]),
    (["podman-compose"], ["podman", "build", "--format", "docker"]),
    # `make setup` brings one.
    ([str(ROOT / ".venv/bin/podman-compose")], ["podman", "build", "--format", "docker"]),
    (["podman", "compose"], ["podman", "build", "--format", "docker"]),
)
NONE = """\
Expected `docker compose`, `podman-compose` or `podman compose`, found none that answers.
Install Docker or Podman, start it, then try again.
Without containers: `make demo`, or `leadlane worker` on any Kafka."""


def main(action: str) -> int:
    compose, build = engine()
    if action == "up":
        subprocess.run([sys.executable, str(HERE / "prepare.py")], check=True)
        if (image := image_name()).startswith("leadlane:"):
            # Each time: without a change it takes a second, and an old image would be worse.
            subprocess.run([*build, "-f", str(ROOT / "deploy/Dockerfile"), "-t", image, str(ROOT)], check=True)
    elif not ENV.exists():
        return 0  # never up
    words = {"up": ["up", "--detach"], "down": ["down"]}[action]
    done = subprocess.run([*compose, "--file", "compose.yaml", *words], cwd=HERE)
    if action == "up" and done.returncode == 0:
        print("gateway http://localhost:8080  Grafana http://localhost:3000  Prometheus http://localhost:9090")
        print("LEADLANE_BROKERS=localhost:9094 for the `leadlane` command on this machine")
    return done.returncode


def engine() -> tuple[list[str], list[str]]:
    """How compose is called here, and how images are built; ends the program when neither is there."""
    for compose, build in ENGINES:
        if shutil.which(compose[0]) and shutil.which(build[0]) and answers([*compose, "version"], [build[0], "info"]):
            return compose, build
    raise SystemExit(NONE)


def answers(*commands: list[str]) -> bool:
    return all(subprocess.run(each, capture_output=True, check=False).returncode == 0 for each in commands)


def image_name() -> str:
    """The image that compose.yaml will start."""
    lines = (line.partition("=") for line in ENV.read_text("utf-8").splitlines())
    return {name: value for name, _, value in lines}.get("IMAGE") or "leadlane:local"


if __name__ == "__main__":
    if sys.argv[1:] not in (["up"], ["down"]):
        raise SystemExit("expected up or down")
    sys.exit(main(sys.argv[1]))
