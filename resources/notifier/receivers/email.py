"""E-mail through SMTP, encrypted; delivered to those recipients whom the server accepted."""

from __future__ import annotations

import contextlib
import platform
import smtplib
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from callqa_assets.domain.alerts.rate_limit import Limit
from resources.notifier.http import open_tls
from resources.notifier.messages import Message, MessageWriter
from resources.notifier.outcome import Outcome, Scrubber
from resources.notifier.receiver import Receiver, VariableName

Address = Annotated[str, Field(pattern=r"^[^@\s<>,;\"]+@[^@\s<>,;\"]+$")]


class EmailReceiver(Receiver):
    """One SMTP server and its recipients; always encrypted."""

    type: Literal["email"]
    host: str = Field(min_length=1)
    port: int = Field(default=587, ge=1, le=65_535)
    encryption: Literal["starttls", "tls"] = "starttls"
    """`tls`: encrypted from the first byte, usually port 465."""
    username: str | None = None
    password_env: VariableName | None = None
    sender: Address
    recipients: tuple[Address, ...] = Field(min_length=1)
    ca_file: Path | None = None
    """Certificates to trust instead of the system's."""
    limits: tuple[Limit, ...] = (Limit(messages=30, per_sec=60),)

    spaces_allowed = ("password_env",)
    max_text_bytes = 100_000

    @property
    def steps(self) -> int:
        return 12 + len(self.recipients)

    @model_validator(mode="after")
    def _check_login(self) -> EmailReceiver:
        if (self.username is None) != (self.password_env is None):
            raise ValueError("`username` and `password_env` belong together: give both or neither")
        return self

    def open(self, secrets: Mapping[str, str], writer: MessageWriter) -> EmailSender:
        return EmailSender(self, secrets[self.password_env] if self.password_env else None, writer)


class EmailSender:
    def __init__(
        self, settings: EmailReceiver, password: str | None, writer: MessageWriter
    ) -> None:
        self._settings = settings
        self._password = password
        self._writer = writer
        self._scrubber = Scrubber([password] if password else [])
        self._tls = open_tls(settings.ca_file) if settings.ca_file else ssl.create_default_context()

    def send(self, message: Message) -> Outcome:
        """Send to recipients who do not have it yet. One may accept while another refuses."""
        missing = [to for to in self._settings.recipients if to not in message.accepted_by]
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
            problem = f"{type(error).__name__}: {error.smtp_code} {_text(error.smtp_error)}"
            return Outcome("refused", self._scrubber.scrub(problem))
        except (smtplib.SMTPException, OSError) as error:
            problem = self._scrubber.scrub(f"{type(error).__name__}: {error}")
            return Outcome("unknown" if content_sent else "refused", problem)
        finally:
            if connection is not None:
                _leave(connection)
        accepted_by = message.accepted_by | (set(missing) - refused.keys())
        error = self._scrubber.scrub("; ".join(refused.values())) if refused else None
        return Outcome("refused" if refused else "accepted", error, accepted_by=accepted_by)

    def _offer(self, connection: smtplib.SMTP, recipients: list[str]) -> dict[str, str]:
        """Name sender and recipients; returns those refused, each with the server's reply."""
        code, reply = connection.mail(self._settings.sender)
        if code != 250:
            raise smtplib.SMTPSenderRefused(code, reply, self._settings.sender)
        replies = {to: connection.rcpt(to) for to in recipients}
        return {
            to: f"{to}: {code} {_text(reply)}"
            for to, (code, reply) in replies.items()
            if code not in (250, 251)
        }

    def write(self, message: Message) -> EmailMessage:
        """The e-mail. A repeat has the same Message-ID, and alerts of one call are one thread."""
        settings, size = self._settings, self._settings.max_text_bytes
        domain = settings.sender.rpartition("@")[2]
        mail = EmailMessage(SMTP.clone(cte_type="7bit"))  # whatever the servers on the way support
        mail["From"] = settings.sender
        mail["To"] = ", ".join(settings.recipients)
        mail["Subject"] = self._writer.title(message)
        mail["Date"] = formatdate(localtime=True)
        mail["Message-ID"] = f"<{message.message_id}@{domain}>"
        calls = {alert["recording_id"] for alert in message.alerts}
        if len(calls) == 1:
            mail["In-Reply-To"] = mail["References"] = f"<call-{calls.pop()}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"  # out-of-office assistants stay silent
        mail.set_content(self._writer.markdown(message, size))
        mail.add_alternative(self._writer.html(message, size), subtype="html")
        return mail

    def _connect(self) -> smtplib.SMTP:
        settings = self._settings
        name = platform.node()  # the default asks the name server, which may take long
        if settings.encryption == "tls":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, settings.port, name, timeout=settings.timeout_sec, context=self._tls
            )
        else:
            connection = smtplib.SMTP(
                settings.host, settings.port, name, timeout=settings.timeout_sec
            )
            try:
                connection.starttls(context=self._tls)
            except BaseException:
                connection.close()
                raise
        if settings.username is not None and self._password is not None:
            connection.login(settings.username, self._password)
        connection.ehlo_or_helo_if_needed()
        return connection


def _leave(connection: smtplib.SMTP) -> None:
    """End the session; a failure of this changes nothing."""
    with contextlib.suppress(smtplib.SMTPException, OSError):
        connection.quit()
    connection.close()


def _text(reply: bytes | str) -> str:
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
