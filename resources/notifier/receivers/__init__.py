"""The kinds of receiver, one module each: its keys in the channels file, and its sender.

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
"""Distinguished by `type`; an unknown type is an error of the file."""
