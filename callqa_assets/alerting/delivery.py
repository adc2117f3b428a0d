"""Emptying the outbox: what is sent now, as which message, and what follows from the answer.

At least once, under a stable id: a message is claimed and its token of the rate limit is taken,
both committed, before it is sent; it counts as delivered only on the receiver's own word. Killed
anywhere, the next draining sends the same message under the same id. The rows are
`warehouse.deliveries`, the receivers `resources.notifier`.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from callqa_assets.domain.alerts.notice import SAMPLE_NOTICE
from callqa_assets.domain.alerts.rate_limit import count_tokens, next_token_at, still_counting
from callqa_assets.domain.claims import ProcessIdentity
from callqa_assets.domain.digest import digest
from callqa_assets.warehouse import deliveries, delivery_reports, receiver_states
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.deliveries import Delivery, Due
from callqa_assets.warehouse.receiver_states import ReceiverState
from resources.notifier.messages import Message, MessageWriter
from resources.notifier.notifier import Notifier
from resources.notifier.outcome import Answer, Sender
from resources.notifier.receiver_config import MAX_DIGEST, Channel, ChannelUnusableError, Retry

_SHORTEST_WAIT_S = 0.01


@dataclass
class ChannelReport:
    """What one draining did on one channel."""

    delivered: int = 0
    """Alerts that the receiver took."""
    messages: int = 0
    """Attempts, taken or not."""
    waiting: int = 0
    reason: str | None = None
    """Why the rest waits, where it is not only for its time."""


@dataclass(frozen=True)
class DrainReport:
    channels: dict[str, ChannelReport] = field(default_factory=dict)

    def __str__(self) -> str:
        """In a line, for logs and the sensor's page."""
        parts = [
            f"{name}: {report.delivered} delivered, {report.waiting} waiting"
            + (f" ({report.reason})" if report.reason and report.waiting else "")
            for name, report in self.channels.items()
        ]
        return "; ".join(parts) or "no alert waits to be delivered"


@dataclass(frozen=True)
class Clock:
    """Time, so that tests can do without waiting for it."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep


def drain(
    warehouse: Warehouse,
    notifier: Notifier,
    *,
    budget: timedelta,
    clock: Clock = Clock(),
) -> DrainReport:
    """Send what is due, on all channels at once, and return after `budget` plus one attempt.

    Several processes may drain at once. No receiver's failure is raised: it is written to the
    delivery, which waits for its next attempt or becomes a dead letter.
    """
    deadline = clock.now() + budget
    with warehouse.read() as connection:
        names = deliveries.channels_with_waiting(connection)
    reports: dict[str, ChannelReport] = {}
    if names:
        # A receiver that hangs holds up its own channel only.
        with ThreadPoolExecutor(len(names), thread_name_prefix="deliver") as threads:
            drained = threads.map(
                lambda name: _drain_channel(warehouse, notifier, name, deadline, clock), names
            )
            reports = dict(zip(names, drained, strict=True))
    with warehouse.read() as connection:
        counts = delivery_reports.count_by_channel(connection, deliveries.WAITING)
    for name, report in reports.items():
        report.waiting = counts[name].waiting if name in counts else 0
    return DrainReport(reports)


def _drain_channel(
    warehouse: Warehouse, notifier: Notifier, name: str, deadline: datetime, clock: Clock
) -> ChannelReport:
    report = ChannelReport()
    with warehouse.write(lock=_lock(name)) as connection:
        deliveries.tidy(connection, name, clock.now())
        _give_up(connection, name, notifier.settings.retry, clock.now(), untried=False)
    try:
        work = _open_channel(warehouse, notifier, name, clock)
    except ChannelUnusableError as error:
        report.reason = str(error)
        with warehouse.write(lock=_lock(name)) as connection:
            deliveries.explain_waiting(connection, name, report.reason)
            _give_up(connection, name, notifier.settings.retry, clock.now(), untried=True)
        return report
    while clock.now() < deadline:
        step = work.claim_next()
        if isinstance(step, _Claimed):
            report.delivered += work.deliver(step)
            report.messages += 1
            report.reason = None
            continue
        report.reason = step.reason
        if step.until is None or step.until >= deadline:
            break
        clock.sleep(max(_SHORTEST_WAIT_S, (step.until - clock.now()).total_seconds()))
    return report


def try_channel(
    warehouse: Warehouse,
    notifier: Notifier,
    name: str,
    *,
    clock: Clock = Clock(),
) -> Answer:
    """Send a sample message through a channel, and return what its receiver says.

    Raises ChannelUnusableError where the channel is not configured.
    """
    return _open_channel(warehouse, notifier, name, clock).try_out()


def _open_channel(
    warehouse: Warehouse, notifier: Notifier, name: str, clock: Clock
) -> _ChannelWork:
    channel = notifier.channel(name)
    return _ChannelWork(
        warehouse,
        name,
        channel,
        notifier.open(name),
        notifier.writer(channel),
        notifier.settings.retry,
        clock,
    )


@dataclass(frozen=True)
class _Claimed:
    message: Message
    token: str
    attempts: int
    """This one included."""
    is_repeat: bool
    """Whether the receiver may have it from an earlier attempt."""


@dataclass(frozen=True)
class _Wait:
    until: datetime | None
    """None: until somebody does something."""
    reason: str | None = None


@dataclass(frozen=True)
class _ChannelWork:
    warehouse: Warehouse
    name: str
    channel: Channel
    sender: Sender
    writer: MessageWriter
    retry: Retry
    clock: Clock

    def claim_next(self) -> _Claimed | _Wait:
        """Take the next message and its token of the rate limit, or say how long to wait."""
        with self.warehouse.write(lock=_lock(self.name)) as connection:
            now = self.clock.now()
            state = receiver_states.read_state(connection, self.name)
            if state.disabled_at is not None:
                reason = f"disabled: {state.disabled_because}; `callqa alerts enable {self.name}`"
                deliveries.explain_waiting(connection, self.name, reason)
                _give_up(connection, self.name, self.retry, now, untried=True)
                return _Wait(None, reason)
            due = deliveries.read_due(connection, self.name, now, limit=2 * MAX_DIGEST)
            if not due:
                return _Wait(deliveries.read_next_due(connection, self.name))
            if (pause := self._pause(state, now)) is not None:
                return pause
            tokens = count_tokens(self.channel.limits, state.sent, _seconds(now))
            if due[0].message_id is None:
                group = self._gather(connection, due, tokens)
                message_id = _message_id(group)
            else:  # all that still waits of a message that was sent before
                message_id = due[0].message_id
                group = deliveries.read_message(connection, self.name, message_id)
            if not group:  # withdrawn since a moment ago
                return _Wait(now)
            token = self._take_token(connection, state, now)
            lease_until = now + self.channel.lease
            deliveries.claim(connection, group, message_id, token=token, lease_until=lease_until)
        notices = [delivery.notice for delivery in group]
        message = Message(message_id, notices, group[0].accepted_by)
        attempts = max(delivery.attempts for delivery in group) + 1
        return _Claimed(message, token, attempts, is_repeat=due[0].message_id is not None)

    def _pause(self, state: ReceiverState, now: datetime) -> _Wait | None:
        """Until when nothing may be sent; None where something may be sent now."""
        if state.paused_until is not None and state.paused_until > now:
            return _Wait(state.paused_until, "the receiver asked for a pause")
        free_at = next_token_at(self.channel.limits, state.sent, _seconds(now))
        if free_at > _seconds(now):
            # Rounded up: a datetime has whole microseconds, and may lie before the moment.
            until = datetime.fromtimestamp(free_at, UTC) + timedelta(milliseconds=1)
            return _Wait(until, "the channel's rate limit")
        return None

    def _take_token(self, connection: sa.Connection, state: ReceiverState, now: datetime) -> str:
        """Until its answer is known an attempt counts as made as late as it can be."""
        token = f"{ProcessIdentity.current()}#{uuid.uuid4().hex}"
        counting = still_counting(self.channel.limits, state.sent, _seconds(now))
        sent = {**counting, token: _seconds(now + self.channel.lease)}
        receiver_states.write_state(connection, self.name, replace(state, sent=sent))
        return token

    def _note_answer(
        self, connection: sa.Connection, token: str, answer: Answer, now: datetime
    ) -> None:
        """What an answer means for the channel as a whole."""
        state = receiver_states.read_state(connection, self.name)
        state = replace(state, sent={**state.sent, token: _seconds(now)})
        if answer.verdict == "throttled":
            state = replace(state, paused_until=now + timedelta(seconds=answer.rest_s))
        elif answer.verdict == "gone":
            state = replace(state, disabled_at=now, disabled_because=answer.error)
        receiver_states.write_state(connection, self.name, state)

    def _gather(self, connection: sa.Connection, due: Sequence[Due], tokens: int) -> list[Delivery]:
        """The most important delivery, or where there are too many new ones a digest of them."""
        new = [delivery.delivery_id for delivery in due if delivery.message_id is None]
        if len(new) <= min(self.channel.fold_above, tokens):
            return deliveries.read_waiting(connection, self.name, new[:1])
        group = deliveries.read_waiting(connection, self.name, new[:MAX_DIGEST])
        notices = [delivery.notice for delivery in group]
        return group[: self.writer.count_that_fit(notices, self.channel.max_text_bytes)]

    def deliver(self, claimed: _Claimed) -> int:
        """Make the attempt and write down its answer; returns the number of alerts delivered."""
        answer = self._attempt(claimed.message)
        with self.warehouse.write(lock=_lock(self.name)) as connection:
            now = self.clock.now()
            self._note_answer(connection, claimed.token, answer, now)
            if answer.verdict == "taken":
                return deliveries.mark_delivered(connection, claimed.token, answer.accepted_by, now)
            accepted_by = claimed.message.accepted_by | answer.accepted_by
            deliveries.mark_undelivered(
                connection,
                claimed.token,
                error=answer.error,
                next_attempt_at=now + self._backoff(claimed.attempts),
                # Who may have it gets the same again.
                keep_message=answer.verdict == "unknown" or claimed.is_repeat or bool(accepted_by),
                accepted_by=accepted_by,
            )
            _give_up(connection, self.name, self.retry, now, untried=False)
        return 0

    def try_out(self) -> Answer:
        """Send a sample, within the rate limit; no delivery is touched."""
        with self.warehouse.write(lock=_lock(self.name)) as connection:
            now = self.clock.now()
            state = receiver_states.read_state(connection, self.name)
            if (pause := self._pause(state, now)) is not None:
                return Answer("refused", f"not sent: {pause.reason}")
            token = self._take_token(connection, state, now)
        answer = self._attempt(Message(uuid.uuid4().hex, [SAMPLE_NOTICE]))
        with self.warehouse.write(lock=_lock(self.name)) as connection:
            self._note_answer(connection, token, answer, self.clock.now())
        return answer

    def _attempt(self, message: Message) -> Answer:
        try:
            return self.sender.send(message)
        except Exception as error:  # noqa: BLE001 - the boundary: recorded for its deliveries
            # Its text could repeat what was said in the call.
            return Answer("unknown", f"{type(error).__name__} while writing or sending it")

    def _backoff(self, attempts: int) -> timedelta:
        """Doubling, up to the longest wait; a random part is taken off, lest all come at once."""
        doubled = self.retry.first_wait_sec * 2.0 ** min(attempts - 1, 60)
        wait_s = min(doubled, self.retry.longest_wait_sec)
        return timedelta(seconds=wait_s * random.uniform(0.5, 1.0))  # noqa: S311


def _lock(receiver: str) -> str:
    """What is settled about a channel is settled by one process at a time."""
    return f"deliveries:{receiver}"


def _give_up(
    connection: sa.Connection, name: str, retry: Retry, now: datetime, *, untried: bool
) -> None:
    deliveries.give_up(
        connection,
        name,
        max_attempts=retry.max_attempts,
        give_up_after=retry.give_up_after,
        untried=untried,
        now=now,
    )


def _seconds(moment: datetime) -> float:
    """Unix time."""
    return moment.timestamp()


def _message_id(group: Sequence[Delivery]) -> str:
    """Of a single delivery its own id; of a digest one that follows from what it holds."""
    if len(group) == 1:
        return group[0].delivery_id
    return digest("digest", sorted(delivery.delivery_id for delivery in group))[:32]
