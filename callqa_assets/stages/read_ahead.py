"""Loading the next items while the current one is processed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")

Loaded = TypeVar("Loaded")


def read_ahead(
    items: Iterable[Item], load: Callable[[Item], Loaded], depth: int = 2
) -> Generator[tuple[Item, Loaded | Exception]]:
    """Load the next items in a background thread while the consumer works on the current one.

    Yields (item, loaded) in order; where `load` raised, (item, the exception). At most `depth`
    loaded items wait beside the one in use. Stopping early, closing the generator included,
    waits for the load in progress and starts no other.
    """
    waiting: deque[tuple[Item, Future[Loaded]]] = deque()
    remaining = iter(items)
    executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead")
    try:
        while True:
            while len(waiting) < depth:
                try:
                    item = next(remaining)
                except StopIteration:
                    break
                waiting.append((item, executor.submit(load, item)))
            if not waiting:
                return
            item, future = waiting.popleft()
            error = future.exception()
            if error is not None and not isinstance(error, Exception):
                raise error
            yield item, error if error is not None else future.result()
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
