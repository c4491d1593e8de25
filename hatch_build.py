"""A wheel whose hot modules are machine code: the build hook behind `make wheel`.

Off unless HATCH_BUILD_HOOKS_ENABLE is set, and always off for an editable install: a compiled file beside its source
would be imported in place of the edited source. What is compiled, and why, stands in pyproject.toml. All work is done
in .leadlane/mypyc; without a C compiler the wheel is pure Python, and the build says so.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import shlex
import shutil
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

GROUP = "leadlane"  # one library for all, leadlane__mypyc: calls between them do not go through the interpreter


class MypycHook(BuildHookInterface):  # type: ignore[type-arg]
    """Compiles the modules that pyproject.toml names and puts them into the wheel beside their sources."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel" or version == "editable":
            return
        missing = missing_for_c()
        if missing:
            self.app.display_warning(f"This wheel is PURE PYTHON, nothing is compiled: {missing}.")
            return
        folder = Path(self.root, ".leadlane", "mypyc")
        with contextlib.chdir(self.root), alone_in(folder):
            built = compiled(self.config["modules"], folder)
        build_data["pure_python"], build_data["infer_tag"] = False, True
        build_data["force_include"].update({str(path): str(path.relative_to(folder / "lib")) for path in built})
        self.app.display_info(f"Compiled {len(self.config['modules'])} modules.")


def missing_for_c() -> str:
    """What a C extension needs and this machine lacks; empty if nothing."""
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    if shutil.which(compiler) is None:
        return f"expected a C compiler, found no {compiler} (on Debian and Ubuntu: apt install gcc; or set CC)"
    header = Path(sysconfig.get_path("include"), "Python.h")
    if not header.is_file():
        return f"expected the header files of Python, found no {header} (on Debian and Ubuntu: apt install python3-dev)"
    return ""


def compiled(modules: list[str], folder: Path) -> list[Path]:
    """The extension modules made from `modules`, under `folder`/lib where the wheel has them.

    Ends the build if a module is not well typed: mypyc trusts the types.
    """
    from mypyc.build import mypycify
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    options = ["--config-file", "pyproject.toml", "--cache-dir", str(folder / "mypy")]
    with shown_if_it_ends():
        extensions = mypycify([*options, *modules], target_dir=str(folder / "c"), group_name=GROUP, debug_level="0")
    command = build_ext(Distribution({"name": GROUP, "ext_modules": extensions}))
    command.build_lib, command.build_temp = str(folder / "lib"), str(folder / "o")
    command.ensure_finalized()
    command.run()
    return [Path(path).resolve() for path in command.get_outputs()]


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other build works in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def shown_if_it_ends() -> Iterator[None]:
    """Keep back what is printed inside, unless it says why the build ends: mypyc also tells of each generator."""
    kept = io.StringIO()
    try:
        with contextlib.redirect_stdout(kept):
            yield
    except SystemExit as end:
        raise SystemExit(f"{kept.getvalue()}The modules to compile must pass mypy: make type") from end
