"""The gateway's measurement says what it lacks before it starts anything."""

from __future__ import annotations

import os
import shutil

import pytest

from streams.bench.gateway import BenchImpossible, run_gateway_bench


def test_without_wrk_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(BenchImpossible, match="apt-get install wrk"):
        run_gateway_bench(1, 1)


def test_with_one_core_it_says_that_it_needs_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/wrk")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    with pytest.raises(BenchImpossible, match="there is 1 core, expected two"):
        run_gateway_bench(1, 1)
