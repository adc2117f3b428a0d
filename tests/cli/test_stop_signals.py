"""A signal ends the process, whoever handles it, swallows it or does not look."""

from __future__ import annotations

import os
import signal

import pytest

from callqa_assets.cli import stop_signals
from callqa_assets.cli.stop_signals import SIGNALS, StoppedError, heeded, watched
from tests.support.processes import run_process


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_what_is_done_inside(number):
    before = signal.getsignal(number)
    with pytest.raises(StoppedError) as stopped, watched():
        send(number)
        signal.pause()
    assert stopped.value.exit_status == 128 + number
    assert signal.getsignal(number) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_another_handler_took_is_known(number):
    """As Dagster does while a job runs."""
    with watched() as stop:
        ours = signal.signal(number, lambda *_: None)
        send(number)
        with pytest.raises(StoppedError):
            while True:
                stop.raise_if_any()
        signal.signal(number, ours)
        stop._first = None


def test_a_signal_of_a_library_stops_nothing():
    taken: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: taken.append(number))
    with watched() as stop:
        send(signal.SIGUSR1)
        assert taken == [signal.SIGUSR1]
        stop.raise_if_any()
        with pytest.raises(StoppedError):
            send(signal.SIGTERM)
            signal.pause()
        stop._first = None
    signal.signal(signal.SIGUSR1, before)


def _ignore_everything(number: int) -> None:
    stop_signals._AGAIN_S, stop_signals._GRACE_S = 0.1, 0.3
    with watched():
        first = True
        while True:
            try:
                if first:
                    first = False
                    send(number)
                while True:
                    pass
            except StoppedError:
                continue


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_process_that_swallows_every_interruption_ends_all_the_same(number):
    assert run_process(_ignore_everything, number) == 128 + number


def _run_as_a_background_job() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with watched():
            send(signal.SIGINT)
            signal.pause()
    except StoppedError:
        os._exit(0)


def test_sigint_is_heeded_where_a_shell_started_the_job_with_it_ignored():
    assert run_process(_run_as_a_background_job) == 0


def test_a_command_under_nohup_outlives_its_terminal():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert heeded() == [signal.SIGINT, signal.SIGTERM]
    with watched():
        send(signal.SIGHUP)
    signal.signal(signal.SIGHUP, before)
    assert set(heeded()) == set(SIGNALS)
