"""A function mapped over tasks by single-threaded worker processes, none of which outlives us."""

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar, cast

from facegen.errors import UserError

Task = TypeVar("Task")
Result = TypeVar("Result")

_BORN_WITH = {
    **dict.fromkeys(
        ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"
    ),
    # glibc gives memory back after every large tensor, and the kernel clears it for the next one: a
    # fifteenth of the time. Workers keep what they have used.
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    "MALLOC_TRIM_THRESHOLD_": str(2**29),
}
"""Libraries read these once, when they load."""


def map_unordered(
    function: Callable[[Task], Result], tasks: Iterable[Task], workers: int
) -> Generator[Result, None, None]:
    """Yield function(task) for every task, in the order in which they are done.

    Each worker gets its own copy of function, once, and may keep state in it. What function raises
    is raised here; a worker that dies raises UserError. Closing the iterator ends the workers at
    once, and so does the death of this process.
    """
    waiting = iter(tasks)
    with contextlib.ExitStack() as stack:
        team: dict[Connection, _Worker] = {}
        for _, task in zip(range(workers), waiting, strict=False):
            worker = stack.enter_context(contextlib.closing(_Worker(function)))
            worker.give(task)
            team[worker.connection] = worker
        while team:
            for connection in cast("list[Connection]", wait(list(team))):
                worker = team[connection]
                result = cast(Result, worker.result())
                try:
                    worker.give(next(waiting))
                except StopIteration:
                    del team[connection]
                yield result


class _Worker:
    """One worker process and our end of the pipe to it."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, far_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(function, far_end), daemon=True)
        with _as_workers_are_born():
            self._process.start()
        # With our copy of it closed, the worker's death shows as the end of the stream.
        far_end.close()

    def give(self, task: object) -> None:
        """Send a task; raises UserError when the worker is gone."""
        try:
            self.connection.send(task)
        except (BrokenPipeError, ConnectionResetError):
            raise self._death() from None

    def result(self) -> object:
        """Receive a result; raises what the function raised, UserError when the worker is gone."""
        try:
            result, error = self.connection.recv()
        except (EOFError, ConnectionResetError):
            raise self._death() from None
        if error is not None:
            raise error
        return result

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.terminate()
        self._process.join()
        self.connection.close()

    def _death(self) -> UserError:
        self._process.join()
        code = self._process.exitcode or 0
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return UserError(
            f"a worker process died ({how}); what was finished is kept: run the same command "
            "again, with fewer --workers if memory ran out"
        )


@contextlib.contextmanager
def _as_workers_are_born() -> Iterator[None]:
    """Start processes in here: one thread each, and deaf to Ctrl-C, which is for us to handle."""
    before = {name: os.environ.get(name) for name in _BORN_WITH}
    os.environ.update(_BORN_WITH)
    # The first process to be started would start this one before it, which lets Ctrl-C in again.
    resource_tracker.ensure_running()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        # Last: a Ctrl-C that came meanwhile is raised here.
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _serve(function: Callable[[Any], Any], connection: Connection) -> None:
    """Run a worker: results go back as (result, None), what was raised as (None, exception)."""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    # The end of the stream: the parent is gone.
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            task = connection.recv()
            answer: tuple[object, Exception | None]
            try:
                answer = (function(task), None)
            except Exception as error:
                answer = (None, _portable(error))
            connection.send(answer)


def _die_with_parent() -> None:
    """End this process when its parent does, so that no orphan writes into a later run's folder."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _portable(error: Exception) -> Exception:
    """The exception itself if the user can act on it, else one that carries its traceback."""
    if isinstance(error, (UserError, OSError)):
        with contextlib.suppress(Exception):
            pickle.loads(pickle.dumps(error))
            return error
    return RuntimeError("".join(traceback.format_exception(error)))
