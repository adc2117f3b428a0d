"""The kinds of receiver, one module each: what the channels file may say of it, and its sender.

To add one, write its module and add its class to `AnyReceiver`.
"""

from __future__ import annotations

from resources.notifier.receivers import dingtalk, email, feishu, webhook, wecom

AnyReceiver = (
    webhook.WebhookReceiver
    | dingtalk.DingTalkReceiver
    | wecom.WeComReceiver
    | feishu.FeishuReceiver
    | email.EmailReceiver
)
"""Told apart by `type`; an unknown one is an error of the file."""
