"""OR-Tools' MathOpt asked with plain numbers; run as a script, it answers one task after the other.

The script is a process that can be ended where a solver cannot be (see :mod:`.processes`). It reads tasks
from its standard input and writes answers to its standard output, pickled, each after its length in 8 bytes;
it ends when its input does, also in the middle of a task. It imports nothing of Comity: it starts soon.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import sys
import threading
from datetime import timedelta
from typing import IO, Any, TypedDict

import numpy as np
from ortools.math_opt import model_pb2
from ortools.math_opt.python import mathopt

#: What OR-Tools raises when a solver fails inside (AttributeError: it has no translation of HiGHS's own
#: internal errors).
_DIED = (AttributeError, RuntimeError, ValueError)


class Task(TypedDict):
    """``model``: a ModelProto as bytes; ``solver``, ``algorithm`` (of a linear program): MathOpt's names.

    ``hint``: a value of each variable.
    """

    model: bytes
    solver: str
    algorithm: str | None
    gap: float
    seed: int
    nodes: int | None
    limit_s: float | None
    hint: Any


class Reply(TypedDict):
    """What came out. ``failed``: why there is nothing else; ``duals``: None but for linear programs."""

    failed: str | None
    optimal: bool
    x: Any
    duals: Any
    value: float
    bound: float
    iterations: int
    nodes: int


def failure(why: str) -> Reply:
    """No answer."""
    return Reply(
        failed=why, optimal=False, x=None, duals=None, value=-np.inf, bound=np.inf, iterations=0, nodes=0
    )


def answer(task: Task, interrupter: Any = None) -> Reply:
    """Solve the task's program, in one thread."""
    proto = model_pb2.ModelProto.FromString(task["model"])
    model = mathopt.Model.from_model_proto(proto)
    variables = list(model.variables())
    linear = task["algorithm"] is not None
    parameters = mathopt.SolveParameters(random_seed=task["seed"])
    if linear:
        parameters.lp_algorithm = mathopt.LPAlgorithm[task["algorithm"]]
    else:
        parameters.relative_gap_tolerance = task["gap"]
        parameters.absolute_gap_tolerance = 0.0
        parameters.node_limit = task["nodes"]
    if task["limit_s"] is not None:
        parameters.time_limit = timedelta(seconds=task["limit_s"])
    if task["solver"] == "HIGHS":
        # It would take half of the cores, and what it finds must not depend on how many there are.
        parameters.highs.string_options["parallel"] = "off"
        parameters.highs.int_options["threads"] = 1
    hints = []
    if task["hint"] is not None:
        values = dict(zip(variables, task["hint"].tolist(), strict=True))
        hints = [mathopt.SolutionHint(variable_values=values)]
    try:
        result = mathopt.solve(
            model,
            mathopt.SolverType[task["solver"]],
            params=parameters,
            model_params=mathopt.ModelSolveParameters(solution_hints=hints),
            interrupter=interrupter,
        )
    except _DIED as error:
        return failure(f"{type(error).__name__}: {error}")
    found = result.has_primal_feasible_solution()
    duals = None
    if linear and result.has_dual_feasible_solution():
        duals = np.array(result.dual_values(list(model.linear_constraints())))
    return Reply(
        failed=None,
        optimal=result.termination.reason == mathopt.TerminationReason.OPTIMAL,
        x=np.array(result.variable_values(variables)) if found else None,
        duals=duals,
        value=result.objective_value() if found else -np.inf,
        bound=result.termination.objective_bounds.dual_bound,
        iterations=result.solve_stats.simplex_iterations,
        nodes=result.solve_stats.node_count,
    )


def write(stream: IO[bytes], message: object) -> None:
    """Send a message."""
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(len(data).to_bytes(8, "little"))
    stream.write(data)
    stream.flush()


def read(stream: IO[bytes]) -> Any:
    """Receive a message; raises :class:`EOFError` where the stream ends."""
    size = int.from_bytes(_exactly(stream, 8), "little")
    return pickle.loads(_exactly(stream, size))


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _listen(tasks: queue.SimpleQueue[Task]) -> None:
    while True:
        try:
            tasks.put(read(sys.stdin.buffer))
        except EOFError:
            os._exit(0)  # nobody waits any more: the solver is not waited for either


def _main() -> None:
    # Ctrl-C is for the process that asked; it ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A solver may write to the standard output: that of this process goes to its errors meanwhile.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(tasks,), daemon=True).start()
    while True:
        try:
            reply = answer(tasks.get())
        except MemoryError:
            reply = failure("out of memory")
        write(out, reply)


if __name__ == "__main__":
    _main()
