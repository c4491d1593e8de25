"""A root file system made of this machine's own Debian packages and Python, as a tar on standard output.

    python3 deploy/check/rootfs.py | podman import - localhost/leadlane-base
    python3 deploy/check/rootfs.py --compiler | podman import - localhost/leadlane-build-base

For `make check-deploy` where no registry of images answers: it stands in for python:3.11-slim and, with a compiler, for
python:3.11. Same places, so that deploy/Dockerfile sees no difference: Python is /usr/local/bin/python3.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

SLIM = (
    "base-files", "base-passwd", "bash", "coreutils", "dash", "findutils", "grep", "hostname", "libc-bin", "sed", "tar",
    "ca-certificates", "libbz2-1.0", "libcrypt1", "libexpat1", "libffi8", "liblzma5", "libncursesw6", "libreadline8",
    "libsqlite3-0", "libssl3", "libstdc++6", "libuuid1", "zlib1g",
)  # fmt: skip
COMPILER = ("gcc", "libc6-dev")
UNWANTED = re.compile(r"/usr/(share/(doc|man|info|locale|lintian|bug)|lib/[^/]+/(gconv|perl))/")
NOT_OF_PYTHON = shutil.ignore_patterns(
    "site-packages", "test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3", "__pycache__", "*.a", "_tkinter*"
)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="leadlane-rootfs-") as folder:
        root = Path(folder)
        for name in ("bin", "sbin", "lib", "lib64"):  # Debian 12: these are links into /usr
            (root / "usr" / name).mkdir(parents=True)
            (root / name).symlink_to(f"usr/{name}")
        for package in sorted(closure([*SLIM, *(COMPILER if "--compiler" in sys.argv else ())])):
            for path in files_of(package):
                copy(path, root)
        made_at_installation(root)
        python(root / "usr" / "local")
        for name, mode in (("tmp", 0o1777), ("proc", 0o555), ("sys", 0o555), ("dev", 0o755), ("run", 0o755)):
            (root / name).mkdir(exist_ok=True)
            (root / name).chmod(mode)
        subprocess.run(["ldconfig", "-r", folder], check=True)
        subprocess.run(["tar", "-C", folder, "--numeric-owner", "--owner=0", "--group=0", "-c", "."], check=True)


def closure(packages: list[str]) -> set[str]:
    """The packages and all that they depend on, as installed here (of alternatives, the installed one)."""
    found: set[str] = set()
    left = list(packages)
    while left:
        name = left.pop()
        shown = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Status}|${Pre-Depends},${Depends}", name], capture_output=True, text=True
        )
        if name in found or not shown.stdout.startswith("install ok installed"):
            continue
        found.add(name)
        for alternatives in shown.stdout.partition("|")[2].split(","):
            left += [re.sub(r"[ :(].*", "", each.strip()) for each in alternatives.split("|") if each.strip()]
    return found - {"debconf", "perl-base", "debianutils"}  # of installation scripts, which do not run here


def files_of(package: str) -> list[str]:
    listed = subprocess.run(["dpkg", "-L", package], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if line.startswith("/") and not UNWANTED.match(line)]


def copy(path: str, root: Path) -> None:
    """One file or link to its place behind the links of the folders above it."""
    name = Path(path)
    if not os.path.lexists(path) or (name.is_dir() and not name.is_symlink()) or path in {"/bin", "/sbin", "/lib"}:
        return
    place = root / str(name.parent.resolve() / name.name)[1:]
    place.parent.mkdir(parents=True, exist_ok=True)
    if not os.path.lexists(place):
        shutil.copy2(path, place, follow_symlinks=False)


def made_at_installation(root: Path) -> None:
    """What packages make when they are installed: users, the shell's name, certificates, `cc`."""
    etc = root / "etc"
    etc.mkdir(exist_ok=True)
    (etc / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n")
    (etc / "group").write_text("root:x:0:\nnogroup:x:65534:\n")
    (etc / "nsswitch.conf").write_text("hosts: files dns\n")
    shutil.copytree("/etc/ssl", etc / "ssl", dirs_exist_ok=True, ignore=shutil.ignore_patterns("private"))
    for link, to in (("sh", "dash"), ("cc", "gcc")):
        if (root / "usr/bin" / to).exists() and not os.path.lexists(root / "usr/bin" / link):
            (root / "usr/bin" / link).symlink_to(to)


def python(local: Path) -> None:
    """This interpreter, without what is installed into it."""
    short = f"python{sys.version_info.major}.{sys.version_info.minor}"
    base = Path(sys.base_prefix)
    (local / "bin").mkdir(parents=True, exist_ok=True)
    shutil.copy2(base / "bin" / short, local / "bin" / short)
    for name in ("python3", "python"):
        (local / "bin" / name).symlink_to(short)
    shutil.copytree(base / "lib" / short, local / "lib" / short, ignore=NOT_OF_PYTHON, symlinks=True)
    (local / "lib" / short / "site-packages").mkdir()
    for library in (base / "lib").glob("libpython*.so*"):
        shutil.copy2(library, local / "lib" / library.name, follow_symlinks=False)
    if "--compiler" in sys.argv:
        shutil.copytree(sysconfig.get_path("include"), local / "include" / short)


if __name__ == "__main__":
    main()
