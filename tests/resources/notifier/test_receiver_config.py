"""The channels file: what it may say, and that no error repeats a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from resources.notifier.notifier import Notifier
from resources.notifier.receiver import ReceiverUnusableError
from resources.notifier.receiver_config import ChannelsError, load_settings
from resources.storage.home import REPO

ROBOT = "type: dingtalk, url_env: X_URL"


def load(tmp_path: Path, text: str):
    path = tmp_path / "channels.yaml"
    path.write_text(text, "utf-8")
    return load_settings(path)


def test_the_shipped_file_is_valid_and_every_receiver_off_until_its_variables_are_set():
    settings = load_settings(REPO / "configs" / "channels.yaml")
    assert set(settings.receivers) == {"webhook", "email", "dingtalk", "wecom", "feishu"}
    notifier = Notifier(settings, {})
    for name, receiver in settings.receivers.items():
        with pytest.raises(ReceiverUnusableError) as refused:
            notifier.open(name)
        assert str(refused.value).startswith("not configured: set ")
        assert all(variable in str(refused.value) for variable in receiver.secret_names())


def test_limits_are_those_of_the_robots():
    settings = load_settings(REPO / "configs" / "channels.yaml")
    limits = {
        name: [(limit.messages, limit.per_sec) for limit in receiver.limits]
        for name, receiver in settings.receivers.items()
    }
    assert limits["dingtalk"] == limits["wecom"] == [(20, 60)]
    assert limits["feishu"] == [(100, 60), (5, 1)]
    assert settings.receivers["dingtalk"].pause_sec == 600


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("chanels: {}", "line 1: unknown key `chanels`; did you mean `channels`?"),
        (
            f"channels: {{a: {{{ROBOT}, limts: []}}}}",
            "line 1, channel 'a': unknown key `limts`; did you mean `limits`?",
        ),
        ("channels: {a: {type: pager}}", "`type`: must be 'webhook', 'dingtalk', "),
        ("channels: {a: {type: wecom}}", "`url_env` is missing; add the name of an environment"),
        (f"channels: {{a: {{{ROBOT}, limits: [{{messages: 0, per_sec: 1}}]}}}}", "messages"),
        (f"channels: {{a: {{{ROBOT}, fold_above: 0}}}}", "fold_above"),
        ("deliver_max_age_hours: -1", "deliver_max_age_hours"),
        ("dagster_url: 'javascript:alert(1)'", "dagster_url"),
        (
            "channels: {a: {type: email, host: h, sender: a@b, recipients: [a@b], username: u}}",
            "`username` and `password_env` belong together",
        ),
        (
            'channels: {a: {type: email, host: h, sender: "a@b\\nBcc: c@d", recipients: [a@b]}}',
            "sender",
        ),
        ("a: [", "line 1"),
    ],
)
def test_a_bad_file_is_refused_with_its_key(tmp_path, text, said):
    with pytest.raises(ChannelsError) as refused:
        load(tmp_path, text)
    assert said in str(refused.value)
    assert "channels.yaml" in str(refused.value)


def test_a_secret_written_into_the_file_is_not_repeated_by_the_error(tmp_path):
    url = "https://oapi.example.com/robot/send?access_token=0123456789abcdef"
    with pytest.raises(ChannelsError) as refused:
        load(tmp_path, f"channels: {{a: {{type: dingtalk, url_env: '{url}'}}}}")
    assert "0123456789abcdef" not in str(refused.value)
    assert "name of an environment variable" in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


def test_a_missing_file_is_named_with_the_cure(tmp_path):
    with pytest.raises(ChannelsError, match="CALLQA_CHANNELS"):
        load_settings(tmp_path / "nothing.yaml")


def test_an_empty_file_has_no_receivers(tmp_path):
    notifier = Notifier(load(tmp_path, ""), {})
    with pytest.raises(ReceiverUnusableError, match="no such receiver: add 'sms'"):
        notifier.open("sms")


@pytest.mark.parametrize("url", ["robot/send", "ftp://x/y", "https://", "http://[bad"])
def test_an_invalid_url_makes_the_receiver_unusable_without_being_shown(tmp_path, url):
    settings = load(tmp_path, f"channels: {{a: {{{ROBOT}}}}}")
    with pytest.raises(ReceiverUnusableError, match="correct the variable") as refused:
        Notifier(settings, {"X_URL": url}).open("a")
    assert url not in str(refused.value)


@pytest.mark.parametrize(
    "slip", ["SEC12 34", "SEC1234\n", "SEC\u200b1234", "\tSEC1234", "SEC　1234"]
)
@pytest.mark.parametrize("variable", ["X_URL", "X_SECRET"])
def test_a_secret_copied_with_a_space_or_line_end_is_refused_unshown(tmp_path, variable, slip):
    settings = load(tmp_path, f"channels: {{a: {{{ROBOT}, secret_env: X_SECRET}}}}")
    good = {"X_URL": "https://localhost/robot?access_token=1", "X_SECRET": "SEC1234"}
    Notifier(settings, good).open("a")
    with pytest.raises(ReceiverUnusableError, match=f"{variable} holds a space, a line") as refused:
        Notifier(settings, {**good, variable: f"https://localhost/{slip}"}).open("a")
    assert "1234" not in str(refused.value)


def test_a_password_may_hold_spaces_and_no_line_end(tmp_path):
    settings = load(
        tmp_path,
        "channels: {a: {type: email, host: h, sender: a@b, recipients: [a@b], username: u, "
        "password_env: X_PASSWORD}}",
    )
    Notifier(settings, {"X_PASSWORD": "abcd efgh"}).open("a")
    with pytest.raises(ReceiverUnusableError, match="X_PASSWORD"):
        Notifier(settings, {"X_PASSWORD": "abcd efgh\n"}).open("a")


def test_a_file_without_certificates_is_named(tmp_path):
    settings = load(tmp_path, f"channels: {{a: {{{ROBOT}, ca_file: {tmp_path}/none.pem}}}}")
    with pytest.raises(ReceiverUnusableError, match=r"none\.pem"):
        Notifier(settings, {"X_URL": "https://localhost/"}).open("a")


def test_a_notifier_does_not_show_the_environment():
    assert "hidden" not in repr(
        Notifier(load_settings(REPO / "configs/channels.yaml"), {"A": "hidden"})
    )
