"""Real receivers on loopback: taken is what the receiver says, and nothing else."""

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
    """Send one message to a receiver of a kind that answers as told; returns the answer."""

    def to(kind: str, reply=None, message: Message = MESSAGE, **keys):
        receiver = start(HttpReceiver(kind, fail=lambda number: reply))
        answer = notifier_of(receiver, keys={kind: keys}).open(kind).send(message)
        return answer, receiver

    return to


@pytest.mark.parametrize("kind", KINDS)
def test_a_signed_message_is_taken(send, kind):
    answer, receiver = send(kind)
    assert (answer.verdict, answer.error) == ("taken", None)
    (received,) = receiver.taken
    assert "客户愤怒" in str(received.body)


def test_a_webhook_carries_its_id_and_every_alert(send):
    message = Message("cd" * 16, [notice(rule="a"), notice(rule="b")])
    _, receiver = send("webhook", message=message)
    (received,) = receiver.taken
    assert received.headers["webhook-id"] == "cd" * 16
    assert received.body["type"] == "alerts.fired"
    assert [alert["rule"] for alert in received.body["data"]["alerts"]] == ["a", "b"]


@pytest.mark.parametrize("kind", ["dingtalk", "wecom", "feishu"])
@pytest.mark.parametrize("body", [{}, [], {"errcode": "0"}, {"ok": True}, {"code": False}])
def test_200_without_a_code_of_zero_is_not_taken(send, kind, body):
    answer, _ = send(kind, (200, body, {}))
    assert answer.verdict in ("unknown", "refused")


@pytest.mark.parametrize(
    ("kind", "body", "rest_s"),
    [
        ("dingtalk", {"errcode": 130101, "errmsg": "send too fast"}, 600),
        ("wecom", {"errcode": 45009, "errmsg": "api freq out of limit"}, 60),
        ("feishu", {"code": 11232, "msg": "frequency limited"}, 60),
    ],
)
def test_a_robot_that_is_over_its_limit_says_so_under_200(send, kind, body, rest_s):
    answer, _ = send(kind, (200, body, {}))
    assert (answer.verdict, answer.rest_s) == ("throttled", rest_s)
    assert str(next(iter(body.values()))) in answer.error


def test_another_error_code_is_refused_and_told(send):
    answer, _ = send(
        "dingtalk", (200, {"errcode": 310000, "errmsg": "keywords not in content"}, {})
    )
    assert answer.verdict == "refused"
    assert answer.error == "errcode 310000: keywords not in content"


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
def test_each_way_of_failing_is_told_apart(send, kind, reply, verdict):
    answer, receiver = send(kind, reply, timeout_sec=0.3)
    assert answer.verdict == verdict
    assert answer.error
    assert len(receiver.received) == 1
    if reply == (429, {}, {"Retry-After": "7"}):
        assert answer.rest_s == 7


def test_nobody_listening_is_refused_for_sure(start, notifier_of):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    receiver = HttpReceiver("wecom", url=f"http://127.0.0.1:{port}/?key={TOKEN}")
    answer = notifier_of(receiver).open("wecom").send(MESSAGE)
    assert answer.verdict == "refused"
    assert "ConnectError" in answer.error


def test_an_endless_reply_is_cut_off(send):
    answer, _ = send("wecom", (200, {"errcode": 0, "errmsg": "x" * 100_000}, {}))
    assert answer.verdict == "unknown"


@pytest.mark.parametrize("kind", KINDS)
def test_a_reply_that_drips_is_cut_off_before_the_lease_ends(send, kind):
    started = time.monotonic()
    answer, _ = send(kind, "drip", timeout_sec=0.2)
    assert (answer.verdict, answer.error) == ("unknown", "the reply does not end")
    assert time.monotonic() - started < 6


def test_a_receiver_that_repeats_the_secrets_cannot_get_them_into_an_error(start, notifier_of):
    receiver = start(HttpReceiver("dingtalk"))
    told = f"bad {receiver.url} {TOKEN} secret {SECRETS['dingtalk']}"
    robot = notifier_of(receiver).open("dingtalk")
    for before in (0, 110, 285):  # wherever the text is cut
        said = "x" * (before - told.index(TOKEN)) + told
        receiver.fail = lambda number, said=said: (200, {"errcode": 1, "errmsg": said}, {})
        answer = robot.send(MESSAGE)
        for secret in (TOKEN, SECRETS["dingtalk"]):
            assert secret[:6] not in answer.error
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
    answer = sender.send(MESSAGE)
    assert answer.verdict in ("refused", "unknown", "throttled")
    assert TOKEN not in str(answer)
    assert TOKEN not in repr(answer)


def test_scrubbing_takes_every_part_of_a_url():
    url = "https://user:pass-word-1@host.example/services/T0123456/B765432?key=abc%2Fdef-123"
    text = Scrubber([url]).scrub(f"{url} T0123456 B765432 abc/def-123 abc%2Fdef-123 pass-word-1\nx")
    assert set(text.split()) == {"***", "x"}
