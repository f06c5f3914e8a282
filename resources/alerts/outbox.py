"""Alerts: what a person should know of soon, told once while its cause lasts, over all processes.

An alert is a line of the structured log, at level error, event `alert`, with `kind`, `subject` and `message`; with a
webhook it is posted, too. What could not be posted waits in the state database for the next look at any kind.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from platform_assets.core.clock import Clock, SystemClock
from platform_assets.core.engine.units import JsonObject
from resources.alerts.webhook import Delivery
from resources.state.notes import SqlNotes

log = structlog.get_logger(__name__)

MOST_WAITING = 100
"""Alerts of a kind that wait for the webhook; the oldest beyond them are in the log alone."""

SEND_SECONDS = 10.0
"""After this time one look posts no further alert: the caller has other work."""

_PREFIX = "alerts/"

REST_SECONDS = 60.0
"""After nobody answered, this process posts nothing for so long: many alerts wait for a dead webhook once."""

HOLD_SECONDS = 120.0
"""How long alerts that a process is posting are left to it: well over the time that a look can take."""


class Post(Protocol):
    """Where alerts go besides the log; `resources/alerts/webhook.py` satisfies it."""

    def post(self, message_id: str, document: Mapping[str, object]) -> Delivery:
        """Posts the document; never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as it is posted.

    Attributes:
        kind: What has happened, such as `tenant_disabled`.
        subject: To whom.
        message: For people; no secrets.
        at: When it was first told, ISO 8601, UTC.
        id: The same for every post of this alert.
    """

    kind: str
    subject: str
    message: str
    at: str
    id: str

    @classmethod
    def of(cls, kind: str, subject: str, message: str, at: datetime) -> "Alert":
        """An alert that is told now."""
        told = at.isoformat()
        digest = hashlib.sha256(json.dumps([kind, subject, told]).encode()).hexdigest()
        return cls(kind, subject, message, told, f"alert_{digest[:32]}")


@dataclass(frozen=True, slots=True)
class Waiting:
    """An alert that was not posted yet. `held_until`: a process is posting it until then (ISO 8601); empty: nobody."""

    alert: Alert
    held_until: str = ""

    def is_free(self, now: datetime) -> bool:
        """Whether nobody is posting it."""
        return not self.held_until or datetime.fromisoformat(self.held_until) <= now


@dataclass(frozen=True, slots=True)
class _Known:
    """The note of a kind.

    Attributes:
        told: Subject -> when it was first told, for causes that last.
        waiting: What was not posted yet, the oldest first.
    """

    told: Mapping[str, str]
    waiting: Sequence[Waiting] = ()

    @classmethod
    def read(cls, note: JsonObject) -> "_Known":
        # Notes of older versions hold the subjects alone.
        told: dict[str, str] = note.get("told", dict.fromkeys(note.get("subjects", ()), ""))
        waiting: list[dict[str, Any]] = note.get("waiting", [])
        return cls(told, [Waiting(Alert(**each["alert"]), each["held_until"]) for each in waiting])

    def write(self) -> JsonObject:
        return {"told": dict(self.told), "waiting": [asdict(each) for each in self.waiting]}


class Alerts:
    """Tells alerts, and remembers in the state database which causes last. Safe to use from several threads.

    A kind is told either by `update`, which knows all of its causes, or by `tell_once` and `clear`.

    Args:
        notes: Keeps what was told, and what waits for the webhook.
        webhook: Where alerts are posted; None: they are in the log alone.
        clock: Its stopwatch bounds the posting; alerts are stamped by the database's time.
    """

    def __init__(
        self, notes: SqlNotes, webhook: Post | None = None, clock: Clock | None = None
    ) -> None:
        self._notes = notes
        self._webhook = webhook
        self._clock = clock or SystemClock()
        self._rests_until = 0.0

    def update(self, kind: str, causes: Mapping[str, str]) -> list[str]:
        """Tells the causes that are new, and forgets those that are gone: if one comes back, it is told again.

        Args:
            kind: What has happened, such as `tenant_disabled`.
            causes: All that last now: subject -> message.

        Returns:
            The subjects that were told.
        """
        return self._look(kind, causes, lambda subject: subject not in causes)

    def tell_once(self, kind: str, subject: str, message: str) -> bool:
        """Tells one cause, unless it was told and not cleared since; whether it was told.

        Args:
            kind: What has happened, such as `mass_change`.
            subject: To whom: the same while the cause lasts, so without numbers that change.
            message: For people; no secrets.
        """
        return bool(self._look(kind, {subject: message}, lambda _: False))

    def clear(self, kind: str, subject: str) -> None:
        """The cause is gone: if it comes back, it is told again."""
        self._look(kind, {}, lambda known: known == subject)

    def _look(
        self, kind: str, causes: Mapping[str, str], is_over: Callable[[str], bool]
    ) -> list[str]:
        """Tells, forgets, and posts what waits, of any kind."""
        kinds = {
            name.removeprefix(_PREFIX): _Known.read(note)
            for name, note in self._notes.find(_PREFIX).items()
        }
        known = kinds.get(kind, _Known({}))
        told: list[str] = []
        # Most looks find nothing new: they write nothing.
        if causes.keys() - known.told.keys() or any(map(is_over, known.told)):
            told = self._change(kind, causes, is_over)
        if self._webhook is not None and self._clock.monotonic() >= self._rests_until:
            self._post_waiting(
                self._webhook,
                [name for name, other in kinds.items() if other.waiting and name != kind]
                + [kind] * bool(told or known.waiting),
            )
        return told

    def _change(
        self, kind: str, causes: Mapping[str, str], is_over: Callable[[str], bool]
    ) -> list[str]:
        told: list[str] = []

        def change(note: JsonObject, now: datetime) -> JsonObject:
            known = _Known.read(note)
            told[:] = [subject for subject in causes if subject not in known.told]
            alerts = [Alert.of(kind, subject, causes[subject], now) for subject in told]
            # Here, while nobody else can look: told before it is remembered, and by one process.
            for alert in alerts:
                log.error("alert", kind=kind, subject=alert.subject, message=alert.message)
            lasting = {subject: at for subject, at in known.told.items() if not is_over(subject)}
            lasting |= {alert.subject: alert.at for alert in alerts}
            added = [Waiting(alert) for alert in alerts] if self._webhook else []
            return _Known(lasting, _cut(kind, [*known.waiting, *added])).write()

        self._notes.update(_PREFIX + kind, change)
        return told

    def _post_waiting(self, webhook: Post, kinds: Sequence[str]) -> None:
        """Posts until the time is up or nobody answers; the rest waits."""
        deadline = self._clock.monotonic() + SEND_SECONDS
        for kind in kinds:
            held = self._hold(kind)
            over: set[str] = set()
            try:
                for alert in held:
                    if self._clock.monotonic() >= deadline:
                        break
                    if webhook.post(alert.id, asdict(alert)) is Delivery.UNREACHABLE:
                        deadline = self._clock.monotonic()
                        self._rests_until = deadline + REST_SECONDS
                        break
                    over.add(alert.id)
            finally:
                self._settle(kind, {alert.id for alert in held}, over)

    def _hold(self, kind: str) -> list[Alert]:
        """The alerts of a kind that wait and that nobody is posting: now it is we who do."""
        held: list[Alert] = []

        def change(note: JsonObject, now: datetime) -> JsonObject:
            known = _Known.read(note)
            held[:] = [each.alert for each in known.waiting if each.is_free(now)]
            until = (now + timedelta(seconds=HOLD_SECONDS)).isoformat()
            waiting = [
                replace(each, held_until=until) if each.is_free(now) else each
                for each in known.waiting
            ]
            return replace(known, waiting=waiting).write()

        self._notes.update(_PREFIX + kind, change)
        return held

    def _settle(self, kind: str, held: Collection[str], over: Collection[str]) -> None:
        """Forgets what needs no further post, and lets go of the rest."""

        def change(note: JsonObject, _now: datetime) -> JsonObject:
            known = _Known.read(note)
            waiting = [
                replace(each, held_until="") if each.alert.id in held else each
                for each in known.waiting
                if each.alert.id not in over
            ]
            return replace(known, waiting=waiting).write()

        if held:
            self._notes.update(_PREFIX + kind, change)


def _cut(kind: str, waiting: Sequence[Waiting]) -> Sequence[Waiting]:
    surplus = len(waiting) - MOST_WAITING
    if surplus <= 0:
        return waiting
    log.warning("alerts_not_posted", kind=kind, count=surplus, reason="too many wait")
    return waiting[surplus:]
