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

from callqa_assets.domain.digest import digest
from callqa_assets.process_identity import ProcessIdentity
from callqa_assets.warehouse import deliveries
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.deliveries import ChannelState, Delivery
from resources.notifier.answers import Answer, Sender
from resources.notifier.channels import MAX_DIGEST, Channel, ChannelUnusableError, Retry
from resources.notifier.messages import Message, MessageWriter
from resources.notifier.notifier import Notifier
from resources.notifier.rate import count_tokens, next_token_at, still_counting


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
    retry = notifier.settings.retry
    with warehouse.write(lock="deliveries") as connection:
        deliveries.tidy(
            connection,
            max_attempts=retry.max_attempts,
            give_up_after=retry.give_up_after,
            now=clock.now(),
        )
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
        counts = deliveries.count_by_channel(connection, deliveries.WAITING)
    for name, report in reports.items():
        report.waiting = counts[name].waiting if name in counts else 0
    return DrainReport(reports)


def _drain_channel(
    warehouse: Warehouse, notifier: Notifier, name: str, deadline: datetime, clock: Clock
) -> ChannelReport:
    report = ChannelReport()
    try:
        channel = notifier.channel(name)
        work = _ChannelWork(
            warehouse,
            name,
            channel,
            notifier.open(name),
            notifier.writer(channel),
            notifier.settings.retry,
            clock,
        )
    except ChannelUnusableError as error:
        report.reason = str(error)
        with warehouse.write() as connection:
            deliveries.explain_waiting(connection, name, report.reason)
        return report
    while clock.now() < deadline:
        step = work.claim_next()
        if isinstance(step, _Claimed):
            report.delivered += work.send(step)
            report.messages += 1
            report.reason = None
            continue
        report.reason = step.reason
        if step.until is None or step.until >= deadline:
            break
        clock.sleep(max(0.0, (step.until - clock.now()).total_seconds()))
    return report


@dataclass(frozen=True)
class _Claimed:
    message: Message
    token: str
    attempts: int
    """This one included."""


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

    @property
    def _lock(self) -> str:
        return f"deliveries:{self.name}"

    def claim_next(self) -> _Claimed | _Wait:
        """Take the next message and its token of the rate limit, or say how long to wait."""
        with self.warehouse.write(lock=self._lock) as connection:
            now = self.clock.now()
            state = deliveries.read_state(connection, self.name)
            if state.disabled_at is not None:
                reason = f"disabled: {state.disabled_because}; `callqa alerts enable {self.name}`"
                deliveries.explain_waiting(connection, self.name, reason)
                return _Wait(None, reason)
            due = deliveries.read_due(connection, self.name, now, limit=2 * MAX_DIGEST)
            if not due:
                return _Wait(deliveries.read_next_due(connection, self.name))
            if state.resting_until is not None and state.resting_until > now:
                return _Wait(state.resting_until, "the receiver asked for a pause")
            limits, seconds = self.channel.limits, now.timestamp()
            tokens = count_tokens(limits, state.sent, seconds)
            if tokens == 0:
                free_at = next_token_at(limits, state.sent, seconds)
                return _Wait(datetime.fromtimestamp(free_at, UTC), "the channel's rate limit")
            group = self._choose(due, tokens)
            if group[0].message_id is not None:  # all that waits of a message sent before
                group = deliveries.read_message(connection, self.name, group[0].message_id)
            message_id = group[0].message_id or _message_id(group)
            token = f"{ProcessIdentity.current()}#{uuid.uuid4().hex}"
            lease_until = now + self.channel.lease
            deliveries.claim(connection, group, message_id, token=token, lease_until=lease_until)
            # Until its answer is known the attempt counts as made as late as it can be.
            sent = {**still_counting(limits, state.sent, seconds), token: lease_until.timestamp()}
            deliveries.write_state(connection, self.name, replace(state, sent=sent))
        notices = [delivery.notice for delivery in group]
        message = Message(message_id, notices, group[0].taken_by)
        return _Claimed(message, token, max(d.attempts for d in group) + 1)

    def _choose(self, due: Sequence[Delivery], tokens: int) -> Sequence[Delivery]:
        """The most important message, or where there are too many new ones a digest of them."""
        new = [delivery for delivery in due if delivery.message_id is None]
        if due[0].message_id is None and len(new) > min(self.channel.fold_above, tokens):
            notices = [delivery.notice for delivery in new[:MAX_DIGEST]]
            return new[: self.writer.count_that_fit(notices, self.channel.max_text_bytes)]
        return due[:1]

    def send(self, claimed: _Claimed) -> int:
        """Make the attempt and write down its answer; returns the number of alerts delivered."""
        try:
            answer = self.sender.send(claimed.message)
        except Exception as error:  # noqa: BLE001 - the boundary: recorded for its deliveries
            # Its text could repeat what was said in the call.
            answer = Answer("unknown", f"{type(error).__name__} while writing or sending it")
        with self.warehouse.write(lock=self._lock) as connection:
            now = self.clock.now()
            state = deliveries.read_state(connection, self.name)
            sent = {**state.sent, claimed.token: now.timestamp()}
            state = replace(state, sent=sent)
            deliveries.write_state(connection, self.name, _after(state, answer, now))
            if answer.verdict == "taken":
                return deliveries.mark_delivered(connection, claimed.token, answer.taken_by, now)
            taken_by = claimed.message.taken_by | answer.taken_by
            deliveries.mark_undelivered(
                connection,
                claimed.token,
                error=answer.error,
                next_attempt_at=now + self._backoff(claimed.attempts),
                # Who may have it gets the same again.
                keep_message=answer.verdict == "unknown" or bool(taken_by),
                taken_by=taken_by,
            )
            deliveries.give_up(
                connection,
                max_attempts=self.retry.max_attempts,
                give_up_after=self.retry.give_up_after,
                now=now,
            )
        return 0

    def _backoff(self, attempts: int) -> timedelta:
        """Doubling, up to the longest wait; a random part is taken off, lest all come at once."""
        doubled = self.retry.first_wait_sec * 2.0 ** min(attempts - 1, 60)
        wait_s = min(doubled, self.retry.longest_wait_sec)
        return timedelta(seconds=wait_s * random.uniform(0.5, 1.0))  # noqa: S311


def _after(state: ChannelState, answer: Answer, now: datetime) -> ChannelState:
    if answer.verdict == "throttled":
        return replace(state, resting_until=now + timedelta(seconds=answer.rest_s))
    if answer.verdict == "gone":
        return replace(state, disabled_at=now, disabled_because=answer.error)
    return state


def _message_id(group: Sequence[Delivery]) -> str:
    """Of a single delivery its own id; of a digest one that follows from what it holds."""
    if len(group) == 1:
        return group[0].delivery_id
    return digest("digest", sorted(delivery.delivery_id for delivery in group))[:32]
