"""E-mail through SMTP, encrypted; success is each recipient's own acceptance by the server."""

from __future__ import annotations

import contextlib
import platform
import smtplib
import ssl
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

from resources.notifier.http import open_tls
from resources.notifier.messages import Message, MessageWriter
from resources.notifier.outcome import Answer, Scrubber
from resources.notifier.receiver_config import EmailChannel


class MailSender:
    """One SMTP server and its recipients."""

    def __init__(self, channel: EmailChannel, password: str | None, writer: MessageWriter) -> None:
        self._channel = channel
        self._password = password
        self._writer = writer
        self._scrubber = Scrubber([password] if password else [])
        self._tls = (
            open_tls(str(channel.ca_file)) if channel.ca_file else ssl.create_default_context()
        )

    def send(self, message: Message) -> Answer:
        """Send to those who do not have it yet. One may accept while another refuses."""
        missing = [to for to in self._channel.recipients if to not in message.accepted_by]
        connection: smtplib.SMTP | None = None
        content_sent = False
        try:
            connection = self._connect()
            refused = self._offer(connection, missing)
            if len(refused) < len(missing):
                content_sent = True
                code, reply = connection.data(self.write(message).as_bytes())
                if code != 250:
                    raise smtplib.SMTPDataError(code, reply)
        except smtplib.SMTPResponseException as error:
            said = f"{type(error).__name__}: {error.smtp_code} {_text(error.smtp_error)}"
            return Answer("refused", self._scrubber.scrub(said))
        except (smtplib.SMTPException, OSError) as error:
            said = self._scrubber.scrub(f"{type(error).__name__}: {error}")
            return Answer("unknown" if content_sent else "refused", said)
        finally:
            if connection is not None:
                _leave(connection)
        accepted_by = message.accepted_by | (set(missing) - refused.keys())
        error = self._scrubber.scrub("; ".join(refused.values())) if refused else None
        return Answer("refused" if refused else "taken", error, accepted_by=accepted_by)

    def _offer(self, connection: smtplib.SMTP, recipients: list[str]) -> dict[str, str]:
        """Name sender and recipients; returns those refused, each with the server's words."""
        code, reply = connection.mail(self._channel.sender)
        if code != 250:
            raise smtplib.SMTPSenderRefused(code, reply, self._channel.sender)
        answers = {to: connection.rcpt(to) for to in recipients}
        return {
            to: f"{to}: {code} {_text(reply)}"
            for to, (code, reply) in answers.items()
            if code not in (250, 251)
        }

    def write(self, message: Message) -> EmailMessage:
        """The e-mail. A repeat has the same Message-ID, and alerts of one call are one thread."""
        channel, size = self._channel, self._channel.max_text_bytes
        domain = channel.sender.rpartition("@")[2]
        mail = EmailMessage(SMTP.clone(cte_type="7bit"))  # whatever the servers on the way can do
        mail["From"] = channel.sender
        mail["To"] = ", ".join(channel.recipients)
        mail["Subject"] = self._writer.title(message.alerts)
        mail["Date"] = formatdate(localtime=True)
        mail["Message-ID"] = f"<{message.message_id}@{domain}>"
        calls = {alert["recording_id"] for alert in message.alerts}
        if len(calls) == 1:
            mail["In-Reply-To"] = mail["References"] = f"<call-{calls.pop()}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"  # nobody's absence assistant need answer
        mail.set_content(self._writer.markdown(message, size))
        mail.add_alternative(self._writer.html(message, size), subtype="html")
        return mail

    def _connect(self) -> smtplib.SMTP:
        channel = self._channel
        name = platform.node()  # the default asks the name server, which may take long
        if channel.encryption == "tls":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                channel.host, channel.port, name, timeout=channel.timeout_sec, context=self._tls
            )
        else:
            connection = smtplib.SMTP(channel.host, channel.port, name, timeout=channel.timeout_sec)
            try:
                connection.starttls(context=self._tls)
            except BaseException:
                connection.close()
                raise
        if channel.username is not None and self._password is not None:
            connection.login(channel.username, self._password)
        connection.ehlo_or_helo_if_needed()
        return connection


def _leave(connection: smtplib.SMTP) -> None:
    """Say goodbye; whether the server hears it changes nothing."""
    with contextlib.suppress(smtplib.SMTPException, OSError):
        connection.quit()
    connection.close()


def _text(reply: bytes | str) -> str:
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
