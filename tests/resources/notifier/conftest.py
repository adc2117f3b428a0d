"""A notifier for receivers on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from resources.notifier.notifier import Notifier
from tests.support.receivers import HttpReceiver, MailReceiver, serve, serve_mail, write_certificate


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def start(stack: ExitStack) -> Callable[[HttpReceiver], HttpReceiver]:
    """Start a receiver, for as long as the test lasts."""
    return lambda receiver: stack.enter_context(serve(receiver))


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_certificate(tmp_path_factory.mktemp("tls") / "server.pem")


@pytest.fixture
def start_mail(stack: ExitStack, certificate: Path) -> Callable[[MailReceiver], MailReceiver]:
    return lambda receiver: stack.enter_context(serve_mail(receiver, certificate))


@pytest.fixture
def notifier_of(certificate: Path) -> Callable[..., Notifier]:
    """A notifier of these receivers, each under its kind."""
    from tests.support.receiver_files import notifier_of as make

    return lambda *receivers, **settings: make(certificate, receivers, **settings)
