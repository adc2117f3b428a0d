"""Signatures of each family, against vectors and, for Standard Webhooks, the reference package."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from resources.notifier.receiver import ReceiverUnusableError
from resources.notifier.receivers import dingtalk, feishu, webhook

# Computed with openssl: printf '1700000000000\nSECabc' | openssl dgst -sha256 -hmac SECabc -binary
# | base64; for Feishu printf '' | openssl dgst -sha256 -hmac "$(printf '1700000000\nabc')" ….
DINGTALK_VECTOR = "jcUpW0QmtKduN03n4JqQ0PBosVjqnM8gU7fIIvsDmCM="
FEISHU_VECTOR = "VIS10b0EBvzzSdFnuk4tznEmK5wHaruvf/WnViv2yR4="
# The vector in the specification's own tests.
STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STANDARD_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_dingtalk_signs_timestamp_and_secret_with_the_secret():
    assert dingtalk.sign("SECabc", 1_700_000_000_000) == DINGTALK_VECTOR


def test_feishu_signs_nothing_with_timestamp_and_secret():
    assert feishu.sign("abc", 1_700_000_000) == FEISHU_VECTOR


def test_webhooks_are_signed_as_the_specification_shows():
    body = b'{"test": 2432232314}'
    key = webhook.read_secret(STANDARD_SECRET)
    assert (
        webhook.sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body) == STANDARD_SIGNATURE
    )


def test_the_reference_package_signs_alike():
    secret = "whsec_" + base64.b64encode(bytes(range(32))).decode()
    now = datetime(2025, 3, 14, 9, 30, tzinfo=UTC)
    text = '{"rule":"愤怒"}'
    theirs = Webhook(secret).sign("id", now, text)
    assert (
        webhook.sign(webhook.read_secret(secret), "id", int(now.timestamp()), text.encode())
        == theirs
    )


@pytest.mark.parametrize("secret", ["", "abc", "whsec_", "whsec_c2hvcnQ=", "whsec_###", "SEC_YWJj"])
def test_a_secret_of_another_kind_is_refused_without_being_shown(secret):
    with pytest.raises(ReceiverUnusableError, match="whsec_") as refused:
        webhook.read_secret(secret)
    assert not secret or secret == "whsec_" or secret not in str(refused.value)
