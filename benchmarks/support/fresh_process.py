"""Measuring in a process of its own, whose peak memory is that of the work."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


def run_in_fresh_process(work: Callable[..., Result], *arguments: object) -> Result:
    """What `work` returns. Raises what it raises, and BrokenProcessPool where the process dies."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as process:
        return process.submit(work, *arguments).result()
