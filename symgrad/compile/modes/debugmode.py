"""Debug mode: each call is computed twice, by the rewritten program and by the graph as written.

Rewriting may make a result better: finite where it was not, or nearer to the truth. So where the
two differ, the graph as written is computed once more with wider floats, and the rewritten result
is wrong only if it is further from that than the plain one. Then the rules that fired are gone
through in order: the first one whose two sides differ in value is to blame.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from symgrad import hooks
from symgrad.compile.call import Function
from symgrad.compile.modes.mode import Mode
from symgrad.compile.modes.stepwise import Steps
from symgrad.compile.recipe import Recipe
from symgrad.errors import ExecutionError, describe, label
from symgrad.flags import config
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.shared import Shared
from symgrad.locks import all_of
from symgrad.ops.arithmetic.elementwise import Cast
from symgrad.rewrite.engine import Fired
from symgrad.rewrite.pipeline import traced

# How far results may differ, as a part of the largest element, by the narrowest float below them.
_TOLERANCES = {"float16": 1e-2, "float32": 1e-4, "complex64": 1e-4}
_TOLERANCE = 1e-8


class DebugModeError(ExecutionError, AssertionError):
    """A compiled function did what its graph does not say."""


class _DiffersOnceError(Exception):
    """The two runs differ for the first time."""


class DebugMode(Mode):
    """Functions whose results are compared with those of the graph as it was written.

    Each call also checks that arguments and shared variables are changed by updates only, and that
    results share memory with nothing else. Where a check fails, no update is carried out.

    Parameters
    ----------
    optimizer : str, optional
        As for `Mode`.
    check_isfinite : bool, optional
        Also raise where a result or update is NaN or infinite; by default what
        ``config.DebugMode.check_finite`` says, no. ``mode="nan-guard"`` tells more.
    linker : str, optional
        As for `Mode`.
    **settings
        Theano's other arguments (``check_py_code``, ``stability_patience``, ...) change nothing.

    >>> import symgrad.tensor as T
    >>> from symgrad.compile import function
    >>> x = T.dmatrix("x")
    >>> function([x], T.log(T.nnet.softmax(x)), mode=DebugMode())([[0.0, 800.0]])
    array([[-800.,    0.]])
    """

    def __init__(
        self,
        optimizer: Any = "default",
        check_isfinite: bool | None = None,
        linker: Any = None,
        **settings: Any,
    ) -> None:
        super().__init__(linker, optimizer)
        finite = config.DebugMode.check_finite if check_isfinite is None else check_isfinite
        self.check_isfinite = bool(finite)

    @property
    def _settings(self) -> tuple[Any, ...]:
        return (self.optimizer, self.check_isfinite, self.linker)

    def watched(self, function: Function, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call of a function, with all checks."""
        checker = _Checker(self, function.recipe)

        def checked(*args: Any) -> Any:
            return checker.run(function.accepted(args), lambda: call(*args))

        return checked


class _Value(NamedTuple):
    """What one result, or new value of a shared variable, is called, and where it is from."""

    title: str
    node: Expr
    value: Any
    shared: Shared | None = None


class _Checker:
    def __init__(self, mode: DebugMode, recipe: Recipe) -> None:
        self.mode, self.recipe = mode, recipe
        self.inputs, self.results, self.updates = recipe.written()
        self.roots = [*self.results, *(new for _, new in self.updates)]
        self.plain = Steps(self.roots, set(self.inputs))
        self.tolerance = tolerance_of(self.plain)

    def run(self, args: Sequence[Any], call: Callable[[], Any]) -> Any:
        """Call the function and check what it did; put everything back where it was wrong."""
        values = dict(zip(self.inputs, args, strict=True))
        # Both runs must see the same values, whatever other threads do.
        ordered = sorted({s.cell for s in self._shared()}, key=lambda cell: cell.serial)
        with all_of([cell.lock for cell in ordered]):
            # A signal handler or a `__del__` of this thread may have set a variable in the middle.
            # What really differs does so twice.
            with suppress(_DiffersOnceError):
                return self._compared(values, call, _DiffersOnceError)
            return self._compared(values, call)

    def _compared(
        self,
        values: dict[Expr, Any],
        call: Callable[[], Any],
        differs: type[Exception] | None = None,
    ) -> Any:
        expected: list[Any] | None = None
        with np.errstate(all="ignore"), suppress(Exception):  # what fails here was not needed,
            expected = [np.array(v) for v in self.plain.run(values)]  # or fails in the call too
        held: dict[Any, Any] = {shared: shared.cell.value for shared in self._shared()}
        before: dict[Expr, Any] = {**values}
        before |= held
        copies = {node: np.array(v) for node, v in before.items() if _is_array(v)}
        returned = call()
        single = self.recipe.structure == "one"
        results = [returned] if single else list(returned)
        found = [
            _Value(f"output {k + 1}", node, value)
            for k, (node, value) in enumerate(zip(self.results, results, strict=True))
        ]
        for shared, new in self.updates:
            title = f"the update of {label(shared)}"
            found.append(_Value(title, new, shared.cell.value, shared))
        try:
            self._check_memory(found, before, copies)
            self._check_finite(found)
            if expected is not None:
                try:
                    self._check_values(found, expected, before)
                except DebugModeError:
                    if differs is not None:
                        raise differs from None
                    raise
        except BaseException:
            for shared, value in held.items():
                shared.cell.value, shared.cell.spare = value, None
            raise
        return returned

    def _shared(self) -> list[Shared]:
        found = [node for node in self.plain.order if isinstance(node, Shared)]
        return list(dict.fromkeys([*found, *(shared for shared, _ in self.updates)]))

    # -- memory ----------------------------------------------------------------------------------

    def _check_memory(
        self,
        found: Sequence[_Value],
        before: Mapping[Expr, Any],
        copies: Mapping[Expr, Any],
    ) -> None:
        for node, copy in copies.items():
            if not np.array_equal(copy, before[node], equal_nan=copy.dtype.kind in "fc"):
                raise self._error(f"the call changed {describe(node)} in place", node)
        others = [_Value(label(node), node, v) for node, v in before.items()]
        for each in found:
            for other in others:
                to_itself = other.node is each.shared and each.value is other.value
                if not to_itself and _overlap(each.value, other.value):
                    raise self._error(f"{each.title} shares memory with {other.title}", each.node)
            others.append(each)

    def _check_finite(self, found: Sequence[_Value]) -> None:
        if self.mode.check_isfinite:
            for each in found:
                if _is_array(each.value) and not np.isfinite(each.value).all():
                    raise self._error(
                        f"{each.title} is not finite; mode='nan-guard' says where that comes from",
                        each.node,
                    )

    # -- values ----------------------------------------------------------------------------------

    def _check_values(
        self,
        found: Sequence[_Value],
        expected: Sequence[Any],
        before: Mapping[Expr, Any],
    ) -> None:
        for k, (each, plain) in enumerate(zip(found, expected, strict=True)):
            if not _is_array(each.value) or agree(each.value, plain, self.tolerance):
                continue
            truth = evaluate_wide(self.roots[k], before)
            if is_better(each.value, plain, truth, self.tolerance):
                continue
            raise self._error(
                f"{each.title} differs from the graph as written, {_distance(each.value, plain)}",
                each.node,
                [
                    *self._blame(before),
                    f"  rewritten: {_text(each.value)}",
                    f"  as written: {_text(plain)}",
                ],
            )

    def _blame(self, values: Mapping[Expr, Any]) -> list[str]:
        """Which rule, or which pass, changed the value."""
        with np.errstate(all="ignore"), suppress(Exception):
            for done in traced(self.roots, self.mode.simplifies):
                for fired in done.fired:
                    if not _keeps(fired.before, fired.after, values):
                        return _accused(fired)
                for before, after in zip(done.before, done.after, strict=True):
                    if not _keeps(before, after, values):
                        return [f"  the pass {done.name!r} changed it"]
        return ["  no rule or pass changed it: the plan or the generated source did (f.source)"]

    def _error(self, what: str, node: Expr, facts: Sequence[str] = ()) -> DebugModeError:
        message = (
            f"{self.recipe.title}: {what}. This is a bug in symgrad, please report it; "
            "mode='FAST_COMPILE' rewrites less."
        )
        return DebugModeError(message, origin=node.origin, facts=facts)


def _keeps(before: Expr, after: Expr, values: Mapping[Expr, Any]) -> bool:
    """Whether two expressions agree, or the second is better."""
    steps = Steps([before, after], values)
    old, new = steps.run(values)
    if isinstance(old, (list, tuple)):
        return True
    old, new, tolerance = np.asarray(old), np.asarray(new), tolerance_of(steps)
    if agree(new, old, tolerance):
        return True
    return is_better(new, old, evaluate_wide(before, values), tolerance)


def _accused(fired: Fired) -> list[str]:
    """A rule that changed a value, in words."""
    reason = fired.reason.split("\n")[0]
    before, after = (hooks.call("line", node, 3) for node in (fired.before, fired.after))
    return [f"  by the rule {fired.rule}: {reason}", f"  {before}  →  {after}"]


# -- comparing -------------------------------------------------------------------------------


def tolerance_of(steps: Steps) -> float:
    """How far apart two ways to compute a graph may be, as a part of the largest element."""
    return max((_TOLERANCES.get(n.dtype, 0.0) for n in steps.order), default=0.0) or _TOLERANCE


def agree(a: Any, b: Any, tolerance: float = _TOLERANCE) -> bool:
    """Whether two arrays are equal up to rounding.

    >>> agree(np.ones(2), np.ones(2) + 1e-12), agree(np.ones(2), np.ones(3))
    (True, False)
    """
    if np.shape(a) != np.shape(b) or a.dtype != b.dtype:
        return False
    if a.dtype.kind not in "fc":
        return bool(np.array_equal(a, b))
    return bool(_close(a, b, tolerance).all())


def _close(a: Any, b: Any, tolerance: float) -> Any:
    """Which elements are equal up to rounding."""
    with np.errstate(all="ignore"):
        finite = np.isfinite(b)
        scale = np.abs(b[finite]).max() if finite.any() else 0.0
        near = np.abs(a - b) <= tolerance * scale
        return near | (a == b) | (np.isnan(a) & np.isnan(b))


def is_better(new: Any, old: Any, truth: Any, tolerance: float = _TOLERANCE) -> bool:
    """Whether each element of `new` is at least about as near to the truth as that of `old`.

    Where the truth is not known, it is enough to be finite where `old` is not, or no NaN where
    `old` is one.

    >>> is_better(np.array([2.0]), np.array([2.1]), np.array([1.9]))
    True
    >>> is_better(np.array([5.0]), np.array([np.nan]), None)
    True
    """
    if np.shape(new) != np.shape(old) or new.dtype != old.dtype or new.dtype.kind not in "fc":
        return False
    with np.errstate(all="ignore"):
        rescued = (np.isnan(old) & ~np.isnan(new)) | (np.isinf(old) & np.isfinite(new))
        fine = _close(new, old, tolerance)
        if truth is None or np.shape(truth) != np.shape(new):
            return bool((fine | rescued).all())
        nearer = np.abs(new - truth) <= 4 * np.abs(old - truth)
        fine |= nearer | _close(new, np.asarray(truth).astype(new.dtype), tolerance)
        return bool((fine | (rescued & ~np.isfinite(truth))).all())


def evaluate_wide(root: Expr, values: Mapping[Expr, Any]) -> Any:
    """An expression computed in the widest floats there are; None where that fails."""
    steps = Steps([root], values)
    wide = {node: _widened(value) for node, value in values.items()}
    wide |= {n: _widened(n.value) for n in steps.order if isinstance(n, Constant)}

    def compute(node: Expr, inputs: Sequence[Any]) -> Any:
        if isinstance(node.op, Cast) and np.dtype(node.dtype).kind == "f":
            return np.asarray(inputs[0]).astype(np.longdouble)
        try:
            return steps.compute(node, inputs)
        except Exception:  # not every operation takes such floats
            return _widened(steps.compute(node, [_narrowed(value) for value in inputs]))

    with np.errstate(all="ignore"), suppress(Exception):
        return steps.run(wide, compute=compute)[0]
    return None


def _widened(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind == "f":
        return value.astype(np.longdouble)
    return value


def _narrowed(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype == np.longdouble:
        return value.astype(np.float64)
    return value


def _is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biufc"


def _overlap(a: Any, b: Any) -> bool:
    arrays = isinstance(a, np.ndarray) and isinstance(b, np.ndarray)
    return arrays and np.may_share_memory(a, b) and np.shares_memory(a, b)


def _distance(a: Any, b: Any) -> str:
    if np.shape(a) != np.shape(b):
        return f"of shape {np.shape(a)} instead of {np.shape(b)}"
    if a.dtype != b.dtype:
        return f"of {a.dtype} instead of {b.dtype}"
    with np.errstate(all="ignore"):
        return f"by up to {np.nanmax(np.abs(np.asarray(a, 'complex') - b), initial=0.0):.3g}"


def _text(value: Any) -> str:
    text = np.array2string(np.asarray(value), threshold=6, precision=6, separator=", ")
    return " ".join(text.split())[:90]
