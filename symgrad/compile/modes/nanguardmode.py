"""The NaN guard: which operation made a NaN, an infinity or a huge number, of what, on which line.

Before each call the graph is searched (`guard.py`); only then does the compiled function run. So
where the guard raises, no update has happened.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.compile.call import Function
from symgrad.compile.modes.guard import Finding, Guard, Kinds
from symgrad.compile.modes.mode import Mode
from symgrad.errors import ExecutionError, GraphValueError, in_gradient, label, made_in, repr_of
from symgrad.files.writing import say
from symgrad.flags import config
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.shared import Shared
from symgrad.ops.moving import is_elementwise
from symgrad.origins import is_of_gradient, short_origin

_ACTIONS = ("raise", "warn", "pdb")


class NanGuardError(ExecutionError, AssertionError):
    """A function in NaN-guard mode was given, or computed, what it must not hold."""


class NanGuardMode(Mode):
    """Functions that say where a NaN, an infinity or a huge number comes from.

    What counts is what results and updates depend on: the branch of a `switch` that was not taken
    may hold anything. Constants may hold infinities and huge numbers, for somebody wrote them. An
    infinity that a later operation makes finite again, as in ``exp(-1 / x**2)`` at 0, is reported;
    ``inf_is_error=False`` allows it.

    Parameters
    ----------
    nan_is_error, inf_is_error, big_is_error : bool, optional
        What to look for: NaN, infinities, magnitudes above 1e10. By default what
        ``config.NanGuardMode`` says, all of them.
    optimizer, linker : str, optional
        As for `Mode`.
    action : {'raise', 'warn', 'pdb'}, optional
        What to do about it; by default ``config.NanGuardMode.action``.

    >>> import symgrad.tensor as T
    >>> from symgrad.compile import function
    >>> x = T.dvector("x")
    >>> f = function([x], T.switch(x > 0, T.log(x), 0) / x, mode=NanGuardMode(), name="f")
    >>> f([1.0, -2.0])
    array([ 0., -0.])
    >>> try:
    ...     f([1.0, 0.0])
    ... except NanGuardError as error:
    ...     print(error.message)
    f(): true_div made 1 NaN, out of 2 elements. It divides by zero: use ...
    """

    def __init__(
        self,
        nan_is_error: bool | None = None,
        inf_is_error: bool | None = None,
        big_is_error: bool | None = None,
        optimizer: Any = "default",
        linker: Any = None,
        action: str | None = None,
    ) -> None:
        super().__init__(linker, optimizer)
        flags = config.NanGuardMode
        self.nan_is_error = bool(flags.nan_is_error if nan_is_error is None else nan_is_error)
        self.inf_is_error = bool(flags.inf_is_error if inf_is_error is None else inf_is_error)
        self.big_is_error = bool(flags.big_is_error if big_is_error is None else big_is_error)
        if not (self.nan_is_error or self.inf_is_error or self.big_is_error):
            raise GraphValueError(
                "NanGuardMode: nan_is_error, inf_is_error and big_is_error are all False, so "
                "there is nothing to look for; use mode='FAST_RUN'."
            )
        self.action = str(flags.action if action is None else action)
        if self.action not in _ACTIONS:
            raise GraphValueError(
                f"NanGuardMode: action={repr_of(action)}; expected 'raise', 'warn' or 'pdb'."
            )

    @property
    def _settings(self) -> tuple[Any, ...]:
        looked_for = (self.nan_is_error, self.inf_is_error, self.big_is_error)
        return (*looked_for, self.optimizer, self.linker, self.action)

    def watched(self, function: Function, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call of a function, after a search of its graph with the same arguments."""
        kinds = Kinds(self.nan_is_error, self.inf_is_error, self.big_is_error)
        recipe = function.recipe
        guards: list[Guard] = []

        def guarded(*args: Any) -> Any:
            if not guards:  # made at the first call
                guards.append(Guard(recipe, kinds))
            guard = guards[0]
            finding = guard.search(dict(zip(guard.inputs, function.accepted(args), strict=True)))
            if finding is not None:
                self._act(report(recipe.title, finding, guard))
            return call(*args)

        return guarded

    def _act(self, error: NanGuardError) -> None:
        if self.action == "raise":
            raise error
        if self.action == "warn":
            warnings.warn(str(error), stacklevel=4)
            return
        import pdb

        say(f"{error}\n", sys.stdout)
        pdb.set_trace()


# -- what is said ----------------------------------------------------------------------------


def report(title: str, finding: Finding, guard: Guard) -> NanGuardError:
    """The error that the user reads: who made it, of what, where, and what to do."""
    node, place = finding.node, finding.place
    counts = " and ".join(_count(int(mask.sum()), kind) for kind, mask in finding.masks)
    size = np.size(finding.value)
    of = f", out of {size} elements" if size > 1 else ""
    at = f" at {list(place)}" if place else ""
    facts = [f"  {_ranges(i, v)}{_place(i, node)}" for i, v in _operands(finding)]
    if node.op is None:
        first = f"; the first is{at}" if place else ""
        message = f"{title}: {_leaf(node)} {label(node)} holds {counts}{of}{first}.{_source(node)}"
        facts = [f"  {_ranges(node, finding.value)}"]
        users = guard.uses(node)
        if users:
            place_of_use = short_origin(users[0].origin)
            used = f", at {place_of_use}" if place_of_use else ""
            facts.append(f"  used first by {users[0].op.name}{used}")
    else:
        rounds = "".join(f", in round {k} of the loop" for k in finding.rounds)
        here = in_gradient(node.origin)
        message = f"{title}: {node.op.name}{here} made {counts}{of}{rounds}."
        message += _advice(finding)
        facts.append(f"  result: {_range(finding.value)}")
        facts += _arithmetic(finding, at)
    return NanGuardError(
        message, origin=node.origin, facts=facts, more=lambda: _more(finding, guard)
    )


def _count(number: int, kind: str) -> str:
    if kind == "NaN":
        return f"{number} NaN"
    if kind == "infinite":
        return "1 infinity" if number == 1 else f"{number} infinities"
    return f"{number} number{'' if number == 1 else 's'} {kind}"


def _leaf(node: Expr) -> str:
    if isinstance(node, Constant):
        return "the constant"
    return "the shared variable" if isinstance(node, Shared) else "the input"


def _source(node: Expr) -> str:
    """Where the value of a variable came in."""
    if isinstance(node, Shared):
        return (
            " It came in by set_value, or by an update of a function without the guard: use "
            "mode='nan-guard' there too."
        )
    if isinstance(node, Constant):
        return ""
    return " It was given by the caller: clean the data, or drop these elements."


def _operands(finding: Finding) -> Sequence[tuple[Expr, Any]]:
    """The inputs and their values, each once, without numbers that stand in the line."""
    pairs = dict(zip(finding.node.inputs, finding.inputs, strict=finding.node.op is not None))
    shown = [(i, v) for i, v in pairs.items() if not (isinstance(i, Constant) and i.ndim == 0)]
    return shown[:4]


def _place(node: Expr, user: Expr) -> str:
    """Where an operand was made, if elsewhere."""
    return made_in(node) if made_in(node) != made_in(user) else ""


def _ranges(node: Expr, value: Any) -> str:
    text = label(node)
    return f"{text if len(text) <= 50 else text[:47] + '...'}: {_range(value)}"


def _range(value: Any) -> str:
    """Dtype, shape, smallest and largest finite element, how many are not finite."""
    if isinstance(value, (list, tuple)):
        return f"{len(value)} results"
    value = np.asarray(value)
    text = f"{value.dtype} of shape {value.shape}"
    if not value.ndim:
        return f"{value.dtype}, value {value}"
    if not value.size or value.dtype.kind not in "iufb":
        return text
    if value.dtype.kind != "f":
        return f"{text}, from {value.min()} to {value.max()}"
    finite = value[np.isfinite(value)]
    if finite.size:
        text += f", from {finite.min():.6g} to {finite.max():.6g}"
    nans, infinities = int(np.isnan(value).sum()), int(np.isinf(value).sum())
    text += f", {nans} NaN" if nans else ""
    return text + (f", {_count(infinities, 'infinite')}" if infinities else "")


def _arithmetic(finding: Finding, at: str) -> list[str]:
    """The first one that was found: the operation on numbers, where it is on single elements."""
    node, place = finding.node, finding.place
    if not is_elementwise(node):
        return [f"  the first is{at}"] if at else []
    numbers = map(_number, _numbers(finding))
    return [f"  {node.op.name}({', '.join(numbers)}) = {_number(finding.value[place])}{at}"]


def _numbers(finding: Finding) -> list[Any]:
    """The operands of the first element that was found, where single elements are computed."""
    if not is_elementwise(finding.node):
        return []
    shape = np.shape(finding.value)
    return [np.broadcast_to(v, shape)[finding.place] for v in finding.inputs]


def _number(value: Any) -> str:
    return f"{value:.6g}" if np.asarray(value).dtype.kind == "f" else str(value)


_LOGS = ("log", "log2", "log10", "log1p")
_EXPONENTIALS = ("exp", "exp2", "expm1", "sinh", "cosh")


def _advice(finding: Finding) -> str:
    """What to do, for the operations that it happens to most."""
    name, kind = finding.node.op.name, finding.masks[0][0]
    if kind == "above 1e10":
        return " If so large numbers are right, use NanGuardMode(big_is_error=False)."
    operands = _numbers(finding)
    by_zero = name in ("true_div", "inv", "int_div", "mod") and 0 in operands[-1:]
    if is_of_gradient(finding.node.origin):
        line = finding.node.origin[:1]
        if any(node.origin[:1] == line for node in finding.passed_over):
            return (
                " The value of this line was not used there, but its gradient is: give what "
                "is not chosen a harmless argument, as in "
                "T.switch(c, T.log(T.switch(c, x, 1)), 0)."
            )
        if name == "true_div" and by_zero:
            return (
                " The slope of this line is infinite or undefined here, like that of sqrt at "
                "0: keep its argument away from there, as in T.sqrt(x + 1e-12)."
            )
    if name in _LOGS:
        end = "-1" if name == "log1p" else "zero"
        cure = "T.log(T.maximum(x, 1e-30)), or the log of T.nnet.softmax or sigmoid itself"
        return f" Its argument is {end} or below: use {cure}, which cannot overflow."
    if by_zero:
        return " It divides by zero: use T.switch on the divisor, or add a small number to it."
    if name in _EXPONENTIALS:
        return " Its argument is too large: use T.nnet.softmax, T.logsumexp or T.nnet.softplus."
    if name == "sqrt":
        return " Its argument is negative: T.maximum(x, 0) where rounding is to blame."
    if name == "pow" and (kind == "NaN" or 0 in operands[:1]):
        return " A negative number has no fractional power, and zero no negative one."
    if kind == "infinite":
        return " The result does not fit: is the learning rate too large, or a scale missing?"
    return ""


def _more(finding: Finding, guard: Guard) -> str:
    """What `explain` adds."""
    parts = []
    node = finding.node
    if node.op is not None:
        parts.append(f"It computes  {hooks.call('line', node, 4)}")
    way, purpose = guard.way(node)
    if purpose and len(way) > 1:
        names = [w.name or w.op.name for w in way if w.op is not None]
        names = names if len(names) <= 10 else [*names[:5], "...", *names[-4:]]
        parts.append(f"It is needed for {purpose}: {' → '.join(names)}")
    return "\n\n".join(parts)
