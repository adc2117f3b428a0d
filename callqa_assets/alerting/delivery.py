"""Draining the outbox: what is sent now, as which message, and what follows from the outcome.

Delivery is at-least-once, under a stable id: a message is claimed and a token of the rate limit
taken, both committed, before it is sent; it counts as delivered only if its receiver accepted it.
After a kill at any point the next drain sends the same message under the same id. The rows are in
`warehouse.deliveries`, the receivers in `resources.notifier`.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from callqa_assets.domain.alerts.notice import SAMPLE_NOTICE
from callqa_assets.domain.alerts.rate_limit import count_tokens, next_token_at, still_counting
from callqa_assets.domain.claims import new_claim
from callqa_assets.domain.digest import digest
from callqa_assets.warehouse import deliveries, delivery_reports, receiver_states
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.deliveries import Delivery, Due
from callqa_assets.warehouse.receiver_states import ReceiverState
from resources.notifier.messages import Message, MessageWriter
from resources.notifier.notifier import Notifier
from resources.notifier.outcome import Outcome
from resources.notifier.receiver import Receiver, ReceiverUnusableError, Sender
from resources.notifier.receiver_config import MAX_DIGEST, Retry

_SHORTEST_WAIT_S = 0.01


@dataclass
class ReceiverReport:
    """What one drain did for one receiver."""

    delivered: int = 0
    """Alerts that the receiver accepted."""
    messages: int = 0
    """Attempts, accepted or not."""
    waiting: int = 0
    reason: str | None = None
    """Why alerts wait, where it is not just for their next attempt."""


@dataclass(frozen=True)
class DrainReport:
    receivers: dict[str, ReceiverReport] = field(default_factory=dict)

    def __str__(self) -> str:
        """One line, for logs and the sensor's page."""
        parts = [
            f"{receiver}: {report.delivered} delivered, {report.waiting} waiting"
            + (f" ({report.reason})" if report.reason and report.waiting else "")
            for receiver, report in self.receivers.items()
        ]
        return "; ".join(parts) or "no alert waits to be delivered"


class Clock:
    """The system's clock; tests replace it, so that they need not wait."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


_SYSTEM_CLOCK = Clock()


def drain(
    warehouse: Warehouse,
    notifier: Notifier,
    *,
    budget: timedelta,
    clock: Clock = _SYSTEM_CLOCK,
) -> DrainReport:
    """Send what is due, to all receivers at once, and return after `budget` plus one attempt.

    Several processes may drain at once. No receiver's failure is raised: it is recorded in the
    delivery, which waits for its next attempt or becomes a dead letter.
    """
    deadline = clock.now() + budget
    with warehouse.read() as connection:
        receivers = deliveries.receivers_with_waiting(connection)
    reports: dict[str, ReceiverReport] = {}
    if receivers:
        # A receiver that hangs must not delay the others.
        with ThreadPoolExecutor(len(receivers), thread_name_prefix="deliver") as threads:
            drained = threads.map(
                lambda receiver: _drain_receiver(warehouse, notifier, receiver, deadline, clock),
                receivers,
            )
            reports = dict(zip(receivers, drained, strict=True))
    with warehouse.read() as connection:
        counts = delivery_reports.count_by_receiver(connection, deliveries.WAITING)
    for receiver, report in reports.items():
        report.waiting = counts[receiver].waiting if receiver in counts else 0
    return DrainReport(reports)


def _drain_receiver(
    warehouse: Warehouse, notifier: Notifier, receiver: str, deadline: datetime, clock: Clock
) -> ReceiverReport:
    report = ReceiverReport()
    retry = notifier.settings.retry
    with warehouse.write(lock=receiver_states.lock_name(receiver)) as connection:
        deliveries.release_expired(connection, receiver, clock.now())
        deliveries.withdraw_obsolete(connection, receiver)
        _give_up(connection, receiver, retry, clock.now(), untried=False)
    try:
        queue = _open_queue(warehouse, notifier, receiver, clock)
    except ReceiverUnusableError as error:
        report.reason = str(error)
        with warehouse.write(lock=receiver_states.lock_name(receiver)) as connection:
            deliveries.explain_waiting(connection, receiver, report.reason)
            _give_up(connection, receiver, retry, clock.now(), untried=True)
        return report
    while clock.now() < deadline:
        step = queue.claim_next()
        if isinstance(step, _Claimed):
            report.delivered += queue.deliver(step)
            report.messages += 1
            report.reason = None
            continue
        report.reason = step.reason
        if step.until is None or step.until >= deadline:
            break
        clock.sleep(max(_SHORTEST_WAIT_S, (step.until - clock.now()).total_seconds()))
    return report


def send_sample(
    warehouse: Warehouse,
    notifier: Notifier,
    receiver: str,
    *,
    clock: Clock = _SYSTEM_CLOCK,
) -> Outcome:
    """Send a sample message to a receiver, within its rate limit; no delivery is touched.

    Raises ReceiverUnusableError where the receiver is not configured.
    """
    return _open_queue(warehouse, notifier, receiver, clock).send_sample()


def _open_queue(
    warehouse: Warehouse, notifier: Notifier, receiver: str, clock: Clock
) -> _ReceiverQueue:
    settings = notifier.receiver(receiver)
    return _ReceiverQueue(
        warehouse=warehouse,
        receiver=receiver,
        settings=settings,
        sender=notifier.open(receiver),
        writer=notifier.writer(settings),
        retry=notifier.settings.retry,
        clock=clock,
    )


@dataclass(frozen=True)
class _Claimed:
    message: Message
    claim: str
    attempts: int
    """This one included."""
    is_repeat: bool
    """Whether the receiver may have it from an earlier attempt."""


@dataclass(frozen=True)
class _Wait:
    until: datetime | None
    """None: until a person or a new alert changes something."""
    reason: str | None = None


@dataclass(frozen=True)
class _ReceiverQueue:
    """The deliveries that wait for one receiver, and the means to send them."""

    warehouse: Warehouse
    receiver: str
    settings: Receiver
    sender: Sender
    writer: MessageWriter
    retry: Retry
    clock: Clock

    def claim_next(self) -> _Claimed | _Wait:
        """Claim the next message and a token of the rate limit, or say how long to wait."""
        with self.warehouse.write(lock=receiver_states.lock_name(self.receiver)) as connection:
            now = self.clock.now()
            state = receiver_states.read_state(connection, self.receiver)
            if state.disabled_at is not None:
                because = f"disabled: {state.disabled_because}"
                reason = f"{because}; `callqa alerts enable {self.receiver}`"
                deliveries.explain_waiting(connection, self.receiver, reason)
                _give_up(connection, self.receiver, self.retry, now, untried=True)
                return _Wait(None, reason)
            due = deliveries.read_due(connection, self.receiver, now, limit=2 * MAX_DIGEST)
            if not due:
                return _Wait(deliveries.read_next_due(connection, self.receiver))
            if (pause := self._pause(state, now)) is not None:
                return pause
            tokens = count_tokens(self.settings.limits, state.sent, _seconds(now))
            if due[0].message_id is None:
                group = self._gather(connection, due, tokens)
                message_id = _message_id(group)
            else:  # what still waits of a message that was sent before
                message_id = due[0].message_id
                group = deliveries.read_message(connection, self.receiver, message_id)
            if not group:  # withdrawn a moment ago
                return _Wait(now)
            claim = self._take_token(connection, state, now)
            deliveries.mark_sending(
                connection, group, message_id, claim=claim, lease_until=now + self.settings.lease
            )
        return _Claimed(
            message=_message(message_id, group),
            claim=claim,
            attempts=max(delivery.attempts for delivery in group) + 1,
            is_repeat=due[0].message_id is not None,
        )

    def _pause(self, state: ReceiverState, now: datetime) -> _Wait | None:
        """Until when nothing may be sent; None where something may be sent now."""
        if state.paused_until is not None and state.paused_until > now:
            return _Wait(state.paused_until, "the receiver asked for a pause")
        free_at = next_token_at(self.settings.limits, state.sent, _seconds(now))
        if free_at > _seconds(now):
            # Rounded up: a datetime has whole microseconds, and may be too early.
            until = datetime.fromtimestamp(free_at, UTC) + timedelta(milliseconds=1)
            return _Wait(until, "the receiver's rate limit")
        return None

    def _take_token(self, connection: sa.Connection, state: ReceiverState, now: datetime) -> str:
        """Take a token of the rate limit; returns the claim under which an attempt may be made.

        Until its outcome is known, the attempt counts as made at the last possible moment.
        """
        claim = new_claim()
        counting = still_counting(self.settings.limits, state.sent, _seconds(now))
        sent = {**counting, claim: _seconds(now + self.settings.lease)}
        receiver_states.write_state(connection, self.receiver, replace(state, sent=sent))
        return claim

    def _record_outcome(
        self, connection: sa.Connection, claim: str, outcome: Outcome, now: datetime
    ) -> None:
        """Record what an outcome means for the receiver as a whole."""
        state = receiver_states.read_state(connection, self.receiver)
        state = replace(state, sent={**state.sent, claim: _seconds(now)})
        if outcome.verdict == "throttled":
            state = replace(state, paused_until=now + timedelta(seconds=outcome.pause_s))
        elif outcome.verdict == "gone":
            state = replace(state, disabled_at=now, disabled_because=outcome.error)
        receiver_states.write_state(connection, self.receiver, state)

    def _gather(self, connection: sa.Connection, due: Sequence[Due], tokens: int) -> list[Delivery]:
        """The most urgent delivery, or where there are too many new ones a digest of them.

        A message tells of alerts or of spikes, as the most urgent does.
        """
        is_spike = due[0].topic is not None
        new = [
            delivery.delivery_id
            for delivery in due
            if delivery.message_id is None and (delivery.topic is not None) == is_spike
        ]
        if len(new) <= min(self.settings.fold_above, tokens):
            return deliveries.read_waiting(connection, self.receiver, new[:1])
        group = deliveries.read_waiting(connection, self.receiver, new[:MAX_DIGEST])
        message = _message("0" * 32, group)
        return group[: self.writer.count_that_fit(message, self.settings.max_text_bytes)]

    def deliver(self, claimed: _Claimed) -> int:
        """Make the attempt and record its outcome; returns the number of alerts delivered."""
        outcome = self._attempt(claimed.message)
        with self.warehouse.write(lock=receiver_states.lock_name(self.receiver)) as connection:
            now = self.clock.now()
            self._record_outcome(connection, claimed.claim, outcome, now)
            if outcome.verdict == "accepted":
                return deliveries.mark_delivered(
                    connection, claimed.claim, outcome.accepted_by, now
                )
            accepted_by = claimed.message.accepted_by | outcome.accepted_by
            deliveries.mark_undelivered(
                connection,
                claimed.claim,
                error=outcome.error,
                next_attempt_at=now + self._backoff(claimed.attempts),
                # A receiver that may have it gets the same again.
                keep_message=outcome.verdict == "unknown" or claimed.is_repeat or bool(accepted_by),
                accepted_by=accepted_by,
            )
            _give_up(connection, self.receiver, self.retry, now, untried=False)
        return 0

    def send_sample(self) -> Outcome:
        with self.warehouse.write(lock=receiver_states.lock_name(self.receiver)) as connection:
            now = self.clock.now()
            state = receiver_states.read_state(connection, self.receiver)
            if (pause := self._pause(state, now)) is not None:
                return Outcome("refused", f"not sent: {pause.reason}")
            claim = self._take_token(connection, state, now)
        outcome = self._attempt(Message(uuid.uuid4().hex, [SAMPLE_NOTICE]))
        with self.warehouse.write(lock=receiver_states.lock_name(self.receiver)) as connection:
            self._record_outcome(connection, claim, outcome, self.clock.now())
        return outcome

    def _attempt(self, message: Message) -> Outcome:
        try:
            return self.sender.send(message)
        except Exception as error:  # noqa: BLE001 - the boundary: recorded for its deliveries
            # Its text could quote the transcript.
            return Outcome("unknown", f"{type(error).__name__} while writing or sending it")

    def _backoff(self, attempts: int) -> timedelta:
        """Doubled with each attempt, up to the longest wait; jitter takes off up to half."""
        doubled = self.retry.first_wait_sec * 2.0 ** min(attempts - 1, 60)
        wait_s = min(doubled, self.retry.longest_wait_sec)
        return timedelta(seconds=wait_s * random.uniform(0.5, 1.0))  # noqa: S311


def _give_up(
    connection: sa.Connection, receiver: str, retry: Retry, now: datetime, *, untried: bool
) -> None:
    deliveries.give_up(
        connection,
        receiver,
        max_attempts=retry.max_attempts,
        give_up_after=retry.give_up_after,
        untried=untried,
        now=now,
    )


def _seconds(moment: datetime) -> float:
    """Unix time."""
    return moment.timestamp()


def _message(message_id: str, group: Sequence[Delivery]) -> Message:
    """`group`: deliveries of alerts, or of spikes."""
    return Message(
        message_id,
        alerts=[d.alert for d in group if d.alert is not None],
        spikes=[d.spike for d in group if d.spike is not None],
        accepted_by=group[0].accepted_by if group else frozenset(),
    )


def _message_id(group: Sequence[Delivery]) -> str:
    """The id of a single delivery; for a digest, a hash of its deliveries' ids."""
    if len(group) == 1:
        return group[0].delivery_id
    return digest("digest", sorted(delivery.delivery_id for delivery in group))[:32]
