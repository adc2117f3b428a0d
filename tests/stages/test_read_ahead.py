"""The next items are loaded while one is worked on: in order, few at a time, none after the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from callqa_assets.stages.read_ahead import read_ahead


def test_read_ahead_keeps_order_and_delivers_an_error_with_its_item() -> None:
    def load(item: int) -> int:
        if item == 2:
            raise ValueError("bad two")
        return item * 10

    results = list(read_ahead([1, 2, 3], load))
    assert [item for item, _ in results] == [1, 2, 3]
    assert results[0][1] == 10
    assert isinstance(results[1][1], ValueError)
    assert results[2][1] == 30


def test_read_ahead_loads_the_next_item_while_the_consumer_works() -> None:
    loaded = {item: threading.Event() for item in range(4)}
    stream = read_ahead(range(4), lambda item: loaded[item].set(), depth=2)
    next(stream)
    assert loaded[1].wait(timeout=5)
    assert not loaded[3].is_set()  # two wait beside the one in use, no more
    stream.close()


@pytest.mark.parametrize("depth", [1, 3])
def test_read_ahead_never_holds_more_than_depth_and_the_one_in_use(depth: int) -> None:
    started: list[int] = []
    stream = read_ahead(range(20), started.append, depth=depth)
    for used, _ in stream:
        assert len(started) <= used + 1 + depth


def test_read_ahead_asks_for_items_only_as_it_goes() -> None:
    asked: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            asked.append(item)
            yield item

    stream = read_ahead(items(), str, depth=2)
    assert next(stream) == (0, "0")
    assert len(asked) <= 3
    stream.close()


def test_a_consumer_that_stops_early_stops_the_loading() -> None:
    started: list[int] = []
    load: Callable[[int], None] = started.append
    for item, _ in read_ahead(range(100), load):
        if item == 3:
            break
    threads = [thread.name for thread in threading.enumerate()]
    assert not any(name.startswith("read-ahead") for name in threads)
    assert len(started) <= 6


def test_an_error_in_the_items_themselves_reaches_the_consumer() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise RuntimeError("listing failed")

    with pytest.raises(RuntimeError, match="listing failed"):
        list(read_ahead(items(), str, depth=1))
