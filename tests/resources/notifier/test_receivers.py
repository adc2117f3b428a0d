"""The registry of receivers: each kind brings its settings and its sender."""

from __future__ import annotations

from typing import Literal, get_args

import pytest
from pydantic import ValidationError

from resources.notifier.notifier import Notifier
from resources.notifier.receiver import Receiver
from resources.notifier.receiver_config import Settings
from resources.notifier.receivers import AnyReceiver
from resources.notifier.receivers.wecom import WeComReceiver
from tests.support.receivers import SECRETS

KINDS = get_args(AnyReceiver)
ENVIRONMENT = {
    "URL": "https://receiver.example.com/hook",
    "WHSEC": SECRETS["webhook"],
    "SEC": SECRETS["dingtalk"],
}
SETTINGS = {
    "webhook": {"url_env": "URL", "secret_env": "WHSEC"},
    "dingtalk": {"url_env": "URL", "secret_env": "SEC"},
    "wecom": {"url_env": "URL"},
    "feishu": {"url_env": "URL", "secret_env": "SEC"},
    "email": {"host": "localhost", "sender": "a@example.com", "recipients": ["b@example.com"]},
}


def module_of(kind: str) -> str:
    return f"resources.notifier.receivers.{kind}"


@pytest.mark.parametrize("kind", SETTINGS)
def test_each_kind_opens_the_sender_of_its_own_module(kind):
    settings = Settings.model_validate({"channels": {"mine": {"type": kind, **SETTINGS[kind]}}})
    assert type(settings.receivers["mine"]).__module__ == module_of(kind)
    assert type(Notifier(settings, ENVIRONMENT).open("mine")).__module__ == module_of(kind)


def test_every_registered_kind_is_tested_here_and_named_after_its_module():
    kinds = [get_args(receiver.model_fields["type"].annotation)[0] for receiver in KINDS]
    assert sorted(kinds) == sorted(SETTINGS)
    assert [receiver.__module__ for receiver in KINDS] == [module_of(kind) for kind in kinds]


@pytest.mark.parametrize("settings", [{"type": "pager"}, {}])
def test_a_receiver_of_no_known_type_is_an_error(settings):
    with pytest.raises(ValidationError):
        Settings.model_validate({"channels": {"mine": {**settings, "url_env": "URL"}}})


def test_a_kind_without_a_sender_cannot_be_configured():
    class Pager(Receiver):
        type: Literal["pager"]

        @property
        def steps(self) -> int:
            return 1

    with pytest.raises(TypeError, match="abstract method open"):
        Pager(type="pager", limits=({"messages": 1, "per_sec": 1},))  # type: ignore[abstract]


def test_every_key_that_names_a_variable_is_a_secret():
    class Pager(WeComReceiver):
        token_env: str
        pin_env: str | None = None

    pager = Pager(type="wecom", url_env="URL", token_env="TOKEN")  # noqa: S106
    assert pager.secret_names() == ("URL", "TOKEN")
