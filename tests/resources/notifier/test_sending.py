"""Real receivers on loopback: accepted is what the receiver says, and nothing else."""

from __future__ import annotations

import logging
import socket
import time

import pytest

from resources.notifier.messages import Message
from resources.notifier.outcome import Scrubber
from tests.support.notices import notice
from tests.support.receivers import SECRETS, TOKEN, HttpReceiver

KINDS = ("webhook", "dingtalk", "wecom", "feishu")
MESSAGE = Message("ab" * 16, [notice(rule="客户愤怒")])
OK = {"webhook": {}, "dingtalk": {"errcode": 0}, "wecom": {"errcode": 0}, "feishu": {"code": 0}}


@pytest.fixture
def send(start, notifier_of):
    """Send one message to a receiver of a kind that replies as told; returns the outcome."""

    def to(kind: str, reply=None, message: Message = MESSAGE, **keys):
        receiver = start(HttpReceiver(kind, fail=lambda number: reply))
        outcome = notifier_of(receiver, keys={kind: keys}).open(kind).send(message)
        return outcome, receiver

    return to


@pytest.mark.parametrize("kind", KINDS)
def test_a_signed_message_is_accepted(send, kind):
    outcome, receiver = send(kind)
    assert (outcome.verdict, outcome.error) == ("accepted", None)
    (received,) = receiver.accepted
    assert "客户愤怒" in str(received.body)


def test_a_webhook_carries_its_id_and_every_alert(send):
    message = Message("cd" * 16, [notice(rule="a"), notice(rule="b")])
    _, receiver = send("webhook", message=message)
    (received,) = receiver.accepted
    assert received.headers["webhook-id"] == "cd" * 16
    assert received.body["type"] == "alerts.fired"
    assert [alert["rule"] for alert in received.body["data"]["alerts"]] == ["a", "b"]


@pytest.mark.parametrize("kind", ["dingtalk", "wecom", "feishu"])
@pytest.mark.parametrize("body", [{}, [], {"errcode": "0"}, {"ok": True}, {"code": False}])
def test_200_without_a_code_of_zero_is_not_accepted(send, kind, body):
    outcome, _ = send(kind, (200, body, {}))
    assert outcome.verdict in ("unknown", "refused")


@pytest.mark.parametrize(
    ("kind", "body", "pause_s"),
    [
        ("dingtalk", {"errcode": 130101, "errmsg": "send too fast"}, 600),
        ("wecom", {"errcode": 45009, "errmsg": "api freq out of limit"}, 60),
        ("feishu", {"code": 11232, "msg": "frequency limited"}, 60),
    ],
)
def test_a_robot_that_is_over_its_limit_says_so_under_200(send, kind, body, pause_s):
    outcome, _ = send(kind, (200, body, {}))
    assert (outcome.verdict, outcome.pause_s) == ("throttled", pause_s)
    assert str(next(iter(body.values()))) in outcome.error


def test_another_error_code_is_refused_and_reported(send):
    outcome, _ = send(
        "dingtalk", (200, {"errcode": 310000, "errmsg": "keywords not in content"}, {})
    )
    assert outcome.verdict == "refused"
    assert outcome.error == "errcode 310000: keywords not in content"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ((500, {}, {}), "unknown"),
        ((502, {}, {}), "unknown"),
        ((400, {}, {}), "refused"),
        ((404, {}, {}), "refused"),
        ((302, {}, {"Location": "http://127.0.0.1:9/"}), "refused"),
        ((429, {}, {"Retry-After": "7"}), "throttled"),
        ((503, {}, {}), "throttled"),
        ((410, {}, {}), "gone"),
        ("reset", "unknown"),
        ("hang", "unknown"),
    ],
)
def test_each_kind_of_failure_has_its_verdict(send, kind, reply, verdict):
    outcome, receiver = send(kind, reply, timeout_sec=0.3)
    assert outcome.verdict == verdict
    assert outcome.error
    assert len(receiver.received) == 1
    if reply == (429, {}, {"Retry-After": "7"}):
        assert outcome.pause_s == 7


def test_nobody_listening_is_refused_for_sure(start, notifier_of):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    receiver = HttpReceiver("wecom", url=f"http://127.0.0.1:{port}/?key={TOKEN}")
    outcome = notifier_of(receiver).open("wecom").send(MESSAGE)
    assert outcome.verdict == "refused"
    assert "ConnectError" in outcome.error


def test_an_endless_reply_is_cut_off(send):
    outcome, _ = send("wecom", (200, {"errcode": 0, "errmsg": "x" * 100_000}, {}))
    assert outcome.verdict == "unknown"


@pytest.mark.parametrize("kind", KINDS)
def test_a_reply_that_drips_is_cut_off_before_the_lease_ends(send, kind):
    started = time.monotonic()
    outcome, _ = send(kind, "drip", timeout_sec=0.2)
    assert (outcome.verdict, outcome.error) == ("unknown", "the reply does not end")
    assert time.monotonic() - started < 6


def test_a_receiver_that_repeats_the_secrets_cannot_get_them_into_an_error(start, notifier_of):
    receiver = start(HttpReceiver("dingtalk"))
    said_back = f"bad {receiver.url} {TOKEN} secret {SECRETS['dingtalk']}"
    robot = notifier_of(receiver).open("dingtalk")
    for before in (0, 110, 285):  # wherever the text is cut
        said = "x" * (before - said_back.index(TOKEN)) + said_back
        receiver.fail = lambda number, said=said: (200, {"errcode": 1, "errmsg": said}, {})
        outcome = robot.send(MESSAGE)
        for secret in (TOKEN, SECRETS["dingtalk"]):
            assert secret[:6] not in outcome.error
    assert SECRETS["dingtalk"] not in repr(robot)


@pytest.mark.parametrize("fault", [None, "reset", (500, {}, {})])
def test_no_log_line_shows_the_url(send, caplog, fault):
    with caplog.at_level(logging.DEBUG):
        send("dingtalk", fault)
    assert TOKEN not in caplog.text
    assert SECRETS["dingtalk"] not in caplog.text


def test_a_failing_url_does_not_show_its_token(notifier_of):
    receiver = HttpReceiver("wecom", url=f"http://nobody.invalid/hook/{TOKEN}?key=k-{TOKEN}")
    sender = notifier_of(receiver).open("wecom")
    outcome = sender.send(MESSAGE)
    assert outcome.verdict in ("refused", "unknown", "throttled")
    assert TOKEN not in str(outcome)
    assert TOKEN not in repr(outcome)


def test_scrubbing_takes_every_part_of_a_url():
    url = "https://user:pass-word-1@host.example/services/T0123456/B765432?key=abc%2Fdef-123"
    text = Scrubber([url]).scrub(f"{url} T0123456 B765432 abc/def-123 abc%2Fdef-123 pass-word-1\nx")
    assert set(text.split()) == {"***", "x"}
