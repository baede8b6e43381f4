"""A step of a stage: a Prefect task that is never cached and says in Prefect's log what it has counted."""

import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from prefect import Task, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.context import TaskRunContext

from tasks.run.stage import StageRun

P = ParamSpec("P")
R = TypeVar("R")


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
            answer = work(*args, **kwargs)
            if context := TaskRunContext.get():
                changed = {key: value for key, value in counts.items() if before.get(key) != value}
                told = [
                    f"{key} {value:,.{0 if float(value).is_integer() else 3}f}"
                    for key, value in changed.items()
                ]
                told.append(f"{time.perf_counter() - start:.1f} s")
                get_run_logger(context).info("%s: %s", context.task_run.name, ", ".join(told))
            return answer

        return task(name=name, task_run_name=run_name or name, cache_policy=NO_CACHE)(logged)

    return decorate
