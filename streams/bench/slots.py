"""Worker processes under a slot name: started, killed, frozen, and started again when they end by themselves."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

STOP_SECONDS = 20.0


class Slot:
    """One worker process after the other, under one name."""

    def __init__(self, name: str, folder: Path, options: dict[str, Any]) -> None:
        self.name, self.log_file = name, folder / f"{name}.log"
        self.ended_by_itself = 0
        self.frozen = False
        self._options = {**options, "slot": name}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def writer(self) -> str:
        """How this process signs its journal entries."""
        return f"{self.name}/{self._process.pid if self._process else 0}"

    @property
    def wanted(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streams.bench.serve", json.dumps(self._options)], stdout=log, stderr=log
            )

    def kill(self) -> None:
        """kill -9 and start again at once."""
        self._end(signal.SIGKILL)
        self.start()

    def stop(self) -> int:
        """SIGTERM; the exit code. A worker that does not end in time is killed and gives -9."""
        code = self._end(signal.SIGTERM)
        self._process = None
        return code

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        self.frozen = True

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
        self.frozen = False

    def watch(self) -> bool:
        """Start again what ended by itself; whether it had."""
        if self._process is None or self._process.poll() is None:
            return False
        self.ended_by_itself += 1
        self.start()
        return True

    def _end(self, how: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(how)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
