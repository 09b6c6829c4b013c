"""Functions that show each value on the way to a result to the user's own code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.compile.call import Function
from symgrad.compile.modes.mode import Mode
from symgrad.compile.modes.stepwise import Steps
from symgrad.errors import GraphTypeError, repr_of
from symgrad.graph.expr import Expr
from symgrad.rewrite.pipeline import prepare

Watcher = Callable[[int, Expr, "Thunk"], Any]


class Thunk:
    """The values of a node's inputs and of its result, each in a list of one, as Theano gives them.

    >>> Thunk([1.0, 2.0]).inputs
    [[1.0], [2.0]]
    """

    def __init__(self, inputs: Sequence[Any]) -> None:
        self.inputs = [[value] for value in inputs]
        self.outputs: list[list[Any]] = [[None]]


class MonitorMode(Mode):
    """Functions that call the user's functions before and after each operation.

    Before each call, the graph runs node by node, as it is before anything is fused; what the
    user's functions do to the values changes no result.

    Parameters
    ----------
    pre_func, post_func : callable, optional
        Called as ``func(i, node, fn)``, where `i` counts the operations of a call, `node` is the
        operation's expression, and ``fn.inputs`` and ``fn.outputs`` list the values, each in a
        list of its own: ``fn.outputs[0][0]`` is the result. Only `post_func` sees results.
    optimizer, linker : str, optional
        As for `Mode`.

    >>> import symgrad.tensor as T
    >>> from symgrad.compile import function
    >>> def show(i, node, fn):
    ...     print(i, node.op, [float(v) for [v] in fn.inputs], "gives", fn.outputs[0][0])
    >>> x = T.dscalar("x")
    >>> f = function([x], T.exp(x) + x, mode=MonitorMode(post_func=show))
    >>> _ = f(0.0)
    0 exp [0.0] gives 1.0
    1 add [1.0, 0.0] gives 1.0
    """

    def __init__(
        self,
        pre_func: Watcher | None = None,
        post_func: Watcher | None = None,
        optimizer: Any = "default",
        linker: Any = None,
    ) -> None:
        super().__init__(linker, optimizer)
        for name, func in (("pre_func", pre_func), ("post_func", post_func)):
            if func is not None and not callable(func):
                raise GraphTypeError(
                    f"MonitorMode: {name} must be a function, not {repr_of(func)}."
                )
        self.pre_func, self.post_func = pre_func, post_func

    @property
    def _settings(self) -> tuple[Any, ...]:
        return (self.pre_func, self.post_func, self.optimizer, self.linker)

    def watched(self, function: Function, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call of a function, after a run in which the user's functions see each value."""
        inputs, results, updates = function.recipe.written()
        graph = prepare([*results, *(new for _, new in updates)], self.simplifies)
        steps = Steps(graph, set(inputs))

        def monitored(*args: Any) -> Any:
            number = 0

            def compute(node: Expr, values: Sequence[Any]) -> Any:
                nonlocal number
                thunk = Thunk(values)
                if self.pre_func is not None:
                    self.pre_func(number, node, thunk)
                value = steps.compute(node, values)
                thunk.outputs = [[value]]
                if self.post_func is not None:
                    self.post_func(number, node, thunk)
                number += 1
                return value

            with np.errstate(all="ignore"):
                steps.run(dict(zip(inputs, function.accepted(args), strict=True)), compute=compute)
            return call(*args)

        return monitored
