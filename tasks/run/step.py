"""A step of a stage: a Prefect task that is never cached and says in Prefect's log what it has counted."""

import time
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import ParamSpec, TypeVar

from prefect import Task, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.context import TaskRunContext

from tasks.run.stage import StageRun

_counted: ContextVar[dict[str, float] | None] = ContextVar("counts of this step alone", default=None)
P = ParamSpec("P")
R = TypeVar("R")


def counted(**counts: float) -> None:
    """Have the step that is going on say these counts too, which are of no use to the stage as a whole."""
    if (own := _counted.get()) is not None:
        own.update(counts)


def tell(line: str) -> None:
    """Say a line in Prefect's log, where a step is run by Prefect."""
    if context := TaskRunContext.get():
        get_run_logger(context).info(line)


def step(name: str, run_name: str | None = None) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Make a function a step.

    Args:
        name: What Prefect calls the step.
        run_name: What Prefect calls a run of it, such as "fit {name} on {fit}"; the name when None.
    """

    def decorate(work: Callable[P, R]) -> Task[P, R]:
        @wraps(work)
        def logged(*args: P.args, **kwargs: P.kwargs) -> R:
            counts = args[0].counts if args and isinstance(args[0], StageRun) else {}
            before, start = dict(counts), time.perf_counter()
            token = _counted.set(own := {})
            try:
                answer = work(*args, **kwargs)
            finally:
                _counted.reset(token)
            if context := TaskRunContext.get():
                changed = own | {key: value for key, value in counts.items() if before.get(key) != value}
                told = [
                    f"{key} {value:,.{0 if float(value).is_integer() else 3}f}"
                    for key, value in changed.items()
                ]
                told.append(f"{time.perf_counter() - start:.1f} s")
                get_run_logger(context).info("%s: %s", context.task_run.name, ", ".join(told))
            return answer

        return task(name=name, task_run_name=run_name or name, cache_policy=NO_CACHE)(logged)

    return decorate
