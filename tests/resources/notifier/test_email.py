"""E-mail through a real SMTP server with STARTTLS and a password."""

from __future__ import annotations

import logging

import pytest

from resources.notifier.messages import Message
from tests.support.notices import notice
from tests.support.receivers import PASSWORD, MailReceiver

MESSAGE = Message("ab" * 16, [notice(rule="客户愤怒", recording_id="cd" * 16)])
BOTH = ("a@example.com", "b@example.com")


def test_a_mail_arrives_in_both_forms(start_mail, notifier_of):
    receiver = start_mail(MailReceiver())
    sender = notifier_of(receiver, recipients=BOTH, dagster_url="http://127.0.0.1:3000").open(
        "email"
    )
    outcome = sender.send(MESSAGE)
    assert (outcome.verdict, outcome.accepted_by) == ("accepted", frozenset(BOTH))
    ((recipients, mail),) = receiver.mails
    assert recipients == list(BOTH)
    assert mail["Subject"] == "告警 [低] 客户愤怒, 坐席 1001"
    assert mail["Message-ID"] == f"<{'ab' * 16}@example.com>"
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert "客户愤怒" in plain.get_content()
    assert "客户愤怒" in html.get_content()


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_a_server_that_is_encrypted_from_the_first_byte_is_served_too(start_mail, notifier_of):
    receiver = start_mail(MailReceiver(implicit_tls=True))
    outcome = (
        notifier_of(receiver, keys={"email": {"encryption": "tls"}}).open("email").send(MESSAGE)
    )
    assert outcome.verdict == "accepted"
    assert len(receiver.mails) == 1


def test_a_server_without_starttls_gets_neither_password_nor_mail(start_mail, notifier_of):
    class Plain(MailReceiver):
        async def handle_EHLO(self, server, session, envelope, hostname, responses):  # noqa: N802
            session.host_name = hostname
            return [line for line in responses if "STARTTLS" not in line]

    receiver = start_mail(Plain())
    outcome = notifier_of(receiver).open("email").send(MESSAGE)
    assert outcome.verdict == "refused"
    assert "STARTTLS" in outcome.error
    assert receiver.mails == []


def test_a_repeat_has_the_same_id_and_alerts_of_one_call_are_one_thread(start_mail, notifier_of):
    receiver = start_mail(MailReceiver())
    sender = notifier_of(receiver).open("email")
    for message in (MESSAGE, MESSAGE, Message("ef" * 16, MESSAGE.alerts)):
        sender.send(message)
    first, repeat, other = (mail for _, mail in receiver.mails)
    assert first["Message-ID"] == repeat["Message-ID"] != other["Message-ID"]
    assert first["References"] == other["References"] == f"<call-{'cd' * 16}@example.com>"


@pytest.mark.parametrize("said", ["450 try later", "550 no such user"])
def test_each_recipient_counts_and_who_has_it_is_not_asked_again(start_mail, notifier_of, said):
    receiver = start_mail(MailReceiver(refuse=lambda to: said if to == BOTH[1] else None))
    sender = notifier_of(receiver, recipients=BOTH).open("email")
    outcome = sender.send(MESSAGE)
    assert outcome.verdict == "refused"
    assert outcome.accepted_by == {BOTH[0]}
    assert said in outcome.error
    receiver.refuse = lambda to: None
    again = sender.send(
        Message(MESSAGE.message_id, MESSAGE.alerts, accepted_by=outcome.accepted_by)
    )
    assert (again.verdict, again.accepted_by) == ("accepted", frozenset(BOTH))
    assert [to for to, _ in receiver.mails] == [[BOTH[0]], [BOTH[1]]]


@pytest.mark.parametrize("said", ["451 later", "554 spam"])
def test_a_message_that_the_server_does_not_keep_is_refused(start_mail, notifier_of, said):
    receiver = start_mail(MailReceiver(refuse=lambda to: said if to is None else None))
    outcome = notifier_of(receiver).open("email").send(MESSAGE)
    assert outcome.verdict == "refused"
    assert said in outcome.error
    assert outcome.accepted_by == frozenset()


def test_all_recipients_refused_is_refused(start_mail, notifier_of):
    receiver = start_mail(MailReceiver(refuse=lambda to: "550 unknown"))
    outcome = notifier_of(receiver).open("email").send(MESSAGE)
    assert (outcome.verdict, receiver.mails) == ("refused", [])


def test_a_certificate_that_is_not_trusted_ends_the_attempt(start_mail, notifier_of):
    receiver = start_mail(MailReceiver())
    outcome = notifier_of(receiver, keys={"email": {"ca_file": None}}).open("email").send(MESSAGE)
    assert outcome.verdict == "refused"
    assert "CERTIFICATE_VERIFY_FAILED" in outcome.error
    assert receiver.mails == []


def test_a_wrong_password_is_refused_and_not_shown(start_mail, notifier_of, caplog):
    receiver = start_mail(MailReceiver())
    notifier = notifier_of(receiver)
    wrong = "wrong-password-123"
    notifier.environment["MAIL_PASSWORD"] = wrong
    with caplog.at_level(logging.DEBUG):
        outcome = notifier.open("email").send(MESSAGE)
    assert outcome.verdict == "refused"
    assert "535" in outcome.error
    for secret in (wrong, PASSWORD):
        assert secret not in outcome.error + caplog.text


def test_nobody_listening_is_refused(start_mail, notifier_of):
    receiver = MailReceiver(port=9)
    outcome = notifier_of(receiver).open("email").send(MESSAGE)
    assert outcome.verdict == "refused"
