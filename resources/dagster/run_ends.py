# pyright: standard
"""What follows from the end of a run: an alert that lasts until the work succeeds, and when the work is tried again.

Two places look: the run's own process, which is all that there is without a daemon, and the sensor `runs`, which sees
also runs that ended without a word of theirs. A tag on the run says what was told, so that none says it twice.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
from dagster import DagsterEventType, DagsterRunStatus, RunsFilter

from platform_assets.core.errors import PlatformError, is_platform_fault
from resources.alerts.outbox import Alerts

RETRY_TAG = ".dagster/sluice_retry_minutes"
"""On a job: its runs that failed for a while (a host that does not answer) are tried again this many minutes later
each: `2,5,15,30`. Hidden in Dagster's UI."""

TRY_TAG = "sluice/retry"
"""On a run that is such a try: which one, from 1."""

END_TAG = ".dagster/sluice_end"
"""On a run that failed: `transient` if another try may help, else `permanent`. Whoever wrote it has told of it."""

ALERT = "run_failed"
"""Kind of the alert; its subject is what the run was about, without its day."""

GIVEN_UP_ALERT = "run_given_up"
"""Kind of the alert about work that failed at each of its tries."""

FAULT_TAG = ".dagster/sluice_fault"
"""On a run that failed for a fault of the platform: its kind."""

FAULT_ALERT = "platform_fault"
"""Kind of the alert, told once for all pipelines; its subject is the kind of the fault."""

FAULT_REST_SECONDS = 120.0
"""Between a run that met a fault of the platform and the next one that a sensor starts."""

LOOK_BACK = timedelta(days=1)
"""Runs that failed longer ago are not tried again."""

TRANSIENT, PERMANENT = "transient", "permanent"

MESSAGE_LENGTH = 1000


SECOND_CHANCES: Sequence[float] = (2, 5, 15, 30, 60, 120)
"""Minutes between tries: an upstream that is down for two hours, as for maintenance at night, costs no day."""


def tries_again(minutes: Sequence[float] = SECOND_CHANCES) -> dict[str, str]:
    """The tag for a job whose failed runs get another chance, that long after each failure.

    A run gets it if each of its failed steps failed for a while: it raised a `TransientError`, or a `dg.Failure` whose
    metadata has `transient: True`. It is a new run of the same job, with the same partition, configuration and tags of
    ours, started by the sensor `runs`: nothing waits meanwhile. Without a daemon nobody starts it.
    """
    return {RETRY_TAG: ",".join(f"{each:g}" for each in minutes)}


def name_work(run: dg.DagsterRun) -> str:
    """What a run is about, the same from day to day: its job or assets, and what its configuration names."""
    name = run.job_name
    if name.startswith("__"):
        name = " ".join(sorted(key.to_user_string() for key in run.asset_selection or ())) or name
    tagged = [run.tags.get("sluice/platform", "")]
    words = [*_read_words(run.run_config), *tagged]
    return " ".join([name, *dict.fromkeys(word for word in words if word and not _is_day(word))])[
        :200
    ]


def note_end(
    alerts: Alerts,
    instance: dg.DagsterInstance,
    run: dg.DagsterRun,
    failures: Sequence[dg.DagsterEvent],
) -> None:
    """Tells of a run that failed, or that what was told is over. Never raises: the end itself is what counts."""
    with suppress(PlatformError):
        if not failures:
            for kind in (ALERT, GIVEN_UP_ALERT):
                alerts.clear(kind, name_work(run))
            alerts.update(FAULT_ALERT, {})
            return
        ends = [_read_failure(event) for event in failures]
        transient = all(end.get("transient", False) for end in ends)
        instance.add_run_tags(run.run_id, {END_TAG: TRANSIENT if transient else PERMANENT})
        faults = {end["kind"]: end["message"] for end in ends if is_platform_fault(end.get("kind"))}
        if faults:
            instance.add_run_tags(run.run_id, {FAULT_TAG: ",".join(faults)})
            for kind, message in faults.items():
                alerts.tell_once(FAULT_ALERT, kind, message)
            return
        untold = [end for end in ends if not end.get("alerted", False)]
        if untold:
            _tell(alerts, run, str(untold[0].get("message", "")), transient=transient)


def tell_silent_ends(alerts: Alerts, instance: dg.DagsterInstance, now: datetime) -> list[str]:
    """Tells of runs that failed without a word of their process; their ids. One that Dagster repeats is not told of."""
    failed = instance.get_runs(
        RunsFilter(statuses=[DagsterRunStatus.FAILURE], updated_after=now - LOOK_BACK), limit=200
    )
    silent = [run for run in failed if END_TAG not in run.tags]
    for run in silent:
        if run.tags.get("dagster/will_retry") != "true":
            _tell(alerts, run, _read_end(instance, run), transient=False)
        instance.add_run_tags(run.run_id, {END_TAG: PERMANENT})
    return [run.run_id for run in silent]


def find_second_chances(instance: dg.DagsterInstance, now: datetime) -> list[dg.RunRequest]:
    """The runs that are due to be tried again: the newest of their work, and failed for a while.

    Each is asked for under a key of its own, so that asking twice starts one run.
    """
    failed = instance.get_run_records(
        RunsFilter(
            statuses=[DagsterRunStatus.FAILURE],
            tags={END_TAG: TRANSIENT},
            updated_after=now - LOOK_BACK,
        ),
        limit=200,
    )
    found = [_ask_again(record, now) for record in failed if not _is_followed(instance, record)]
    return [request for request in found if request is not None]


def find_fault(instance: dg.DagsterInstance, job_name: str, now: datetime) -> str | None:
    """Why nothing of a job is to be started now: its last run met a fault of the platform moments ago."""
    for record in instance.get_run_records(RunsFilter(job_name=job_name), limit=1):
        fault, over = (
            record.dagster_run.tags.get(FAULT_TAG),
            (record.end_time or 0.0) + FAULT_REST_SECONDS,
        )
        if fault and now.timestamp() < over:
            return f"the platform has a fault ({fault}): the next run comes {FAULT_REST_SECONDS:.0f} s after the last"
    return None


def _ask_again(record: dg.RunRecord, now: datetime) -> dg.RunRequest | None:
    run, wait = record.dagster_run, next_wait(record.dagster_run)
    ended = record.end_time
    if wait is None or ended is None or now.timestamp() < ended + wait * 60:
        return None
    kept = {
        key: value
        for key, value in run.tags.items()
        if key.startswith(("sluice/", "dagster/partition", "dagster/asset_partition_range"))
    }
    return dg.RunRequest(
        run_key=f"again/{run.run_id}",
        job_name=run.job_name,
        run_config=dict(run.run_config),
        tags={**kept, TRY_TAG: str(count_tries(run) + 1)},
        asset_selection=sorted(run.asset_selection) if run.asset_selection else None,
    )


def _is_followed(instance: dg.DagsterInstance, record: dg.RunRecord) -> bool:
    """Whether the same work was started again since, by anybody."""
    run = record.dagster_run
    later = instance.get_runs(
        RunsFilter(job_name=run.job_name, created_after=record.create_timestamp), limit=200
    )
    return any(other.run_id != run.run_id and _identify(other) == _identify(run) for other in later)


def _identify(run: dg.DagsterRun) -> str:
    about = {
        key: value
        for key, value in run.tags.items()
        if key.startswith(("sluice/", "dagster/partition", "dagster/asset_partition_range"))
        and key not in {TRY_TAG, "sluice/started_by", "sluice/actor"}
    }
    return json.dumps(
        [about, run.run_config, sorted(map(str, run.asset_selection or ()))], sort_keys=True
    )


def next_wait(run: dg.DagsterRun) -> float | None:
    """Minutes from the end of a run to its next try; None if there is none."""
    waits = [float(each) for each in run.tags.get(RETRY_TAG, "").split(",") if each]
    tries = count_tries(run)
    return waits[tries] if tries < len(waits) else None


def count_tries(run: dg.DagsterRun) -> int:
    """How many runs of the same work came before this one because they had failed."""
    text = run.tags.get(TRY_TAG, "0")
    return int(text) if text.isdecimal() else 0


def _tell(alerts: Alerts, run: dg.DagsterRun, message: str, *, transient: bool) -> None:
    wait, work = next_wait(run) if transient else None, name_work(run)
    if wait is not None:
        text = f"{message} It is tried again in {wait:g} minutes where Dagster's daemon runs."
        alerts.tell_once(ALERT, work, text)
        return
    if transient and count_tries(run):
        alerts.tell_once(
            GIVEN_UP_ALERT, work, f"failed at each of its tries: {message} Start it again."
        )
        return
    alerts.tell_once(ALERT, work, message)


def _read_failure(event: dg.DagsterEvent) -> dict[str, Any]:
    """The metadata of a failure of ours, and its message; of any other error, its message."""
    data = event.step_failure_data
    user = data.user_failure_data
    values = {label: value.value for label, value in user.metadata.items()} if user else {}
    error = data.error.message if data.error else ""
    message = (user.description if user else None) or error
    return {
        **values,
        "message": f"run failed at {event.step_key}: {message.strip()[:MESSAGE_LENGTH]}",
    }


def _read_end(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """What Dagster says of the end of a run."""
    entries = instance.all_logs(run.run_id, of_type=DagsterEventType.RUN_FAILURE)
    said = entries[-1].dagster_event if entries else None
    message = (said.message if said else None) or "it ended without a word"
    return f"run {run.run_id} of {run.job_name} failed: {message[:MESSAGE_LENGTH]}"


def _read_words(value: object) -> list[str]:
    """Texts of a configuration; lists are work, not what it is about."""
    if isinstance(value, Mapping):
        return [word for each in value.values() for word in _read_words(each)]
    return [value] if isinstance(value, str) and len(value) <= 60 else []


def _is_day(word: str) -> bool:
    with suppress(ValueError):
        datetime.strptime(word, "%Y-%m-%d")  # noqa: DTZ007 - only whether it is one
        return True
    return False
