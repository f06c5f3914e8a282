# pyright: standard
"""Who works on a run, and what became of it: every run is signed by its process, and one whose process died is failed.

`signing_executor` is the executor of every job, so that this holds for all pipelines however a run was started. What is
told of an end, and when a run is tried again, is decided in `run_ends.py` and `sensors/runs.py`.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import DagsterEventType, DagsterRunStatus, RunsFilter

from platform_assets.core.processes.owner import describe_owner, is_dead, is_pid_dead
from resources.dagster.private import (
    GRPC_INFO_TAG,
    ExecutionPlan,
    PlanOrchestrationContext,
    RetryMode,
    StepDependencyConfig,
)

OWNER_TAG = ".dagster/sluice_owner"
"""The run and the process that works on it; a run that repeats another inherits its tags, so the id is part of it.
Dagster's UI hides tags that begin like this one."""

_GOING_ON = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]

OnStart = Callable[[dg.DagsterInstance], object]
OnEnd = Callable[[dg.DagsterInstance, dg.DagsterRun, Sequence[dg.DagsterEvent]], object]
"""Gets the failures of steps; none: all steps have succeeded."""


def sign_run(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Notes that this process works on the run."""
    instance.add_run_tags(run.run_id, {OWNER_TAG: f"{run.run_id} {describe_owner()}"})


def fail_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Ends the runs whose process on this host is known to be gone, and frees their pool slots; their ids.

    Dagster itself notices only as long as the code server that started the run lives, and never for a run of
    `dagster job execute`: such a run would stay STARTED, and keep its slots, for `max_runtime_seconds`.
    """
    failed: list[str] = []
    for run_id in find_dead_runs(instance):
        # Again: it may have ended as it should between the two looks.
        run = instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            continue
        if run.status is DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, "The process of this run has ended.")
        else:
            instance.report_run_failed(run, "The process of this run ended without a word.")
        failed.append(run_id)
    _free_slots(instance)
    return failed


def find_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Ids of the runs that go on for Dagster and whose process on this host is known to be gone."""
    return [
        run.run_id
        for run in instance.get_runs(RunsFilter(statuses=_GOING_ON))
        if _is_dead(instance, run)
    ]


def _free_slots(instance: dg.DagsterInstance) -> None:
    """Frees pool slots of runs that have ended: without a daemon nobody else does."""
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return
    for run_id in storage.get_concurrency_run_ids():
        run = instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            storage.free_concurrency_slots_for_run(run_id)


def _is_dead(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    run_id, _, owner = run.tags.get(OWNER_TAG, "").partition(" ")
    if run_id == run.run_id:
        return is_dead(owner)
    return run.status is DagsterRunStatus.STARTING and _died_starting(instance, run)


def _died_starting(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether the process of a run of this host's code server died before it could sign."""
    with suppress(ValueError, TypeError, AttributeError):
        socket = json.loads(run.tags.get(GRPC_INFO_TAG, "{}")).get("socket")
        if socket and Path(socket).exists():
            for entry in instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT):
                event = entry.dagster_event
                pid = event.engine_event_data.metadata.get("pid") if event else None
                if pid is not None:
                    return is_pid_dead(int(str(pid.value)), entry.timestamp)
    return False


def signing_executor(on_start: OnStart, on_end: OnEnd) -> dg.ExecutorDefinition:
    """Dagster's executor in the run's own process, which signs the run before its first step asks for a slot.

    The fan-out is inside a step; a process per step would cost seconds of CPU each.

    Args:
        on_start: Called before the first step.
        on_end: Called when the steps have ended, not when the run is cancelled.
    """
    inner = dg.in_process_executor
    schema: Any = inner.config_schema

    @dg.executor(name="in_process", config_schema=schema)
    def in_process(init_context: dg.InitExecutorContext) -> dg.Executor:
        create: Any = inner.executor_creation_fn
        return _SigningExecutor(create(init_context), on_start, on_end)

    return in_process


class _SigningExecutor(dg.Executor):
    """Another executor, with a look before and after."""

    def __init__(self, inner: dg.Executor, on_start: OnStart, on_end: OnEnd) -> None:
        self._inner = inner
        self._on_start = on_start
        self._on_end = on_end

    @property
    def retries(self) -> RetryMode:
        return self._inner.retries

    @property
    def step_dependency_config(self) -> StepDependencyConfig:
        return self._inner.step_dependency_config

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        instance, run = plan_context.instance, plan_context.dagster_run
        sign_run(instance, run)
        self._on_start(instance)
        failures: list[dg.DagsterEvent] = []
        for event in self._inner.execute(plan_context, execution_plan):
            if event.is_step_failure:
                failures.append(event)
            yield event
        self._on_end(instance, run, failures)
