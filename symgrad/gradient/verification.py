"""Checking gradients against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from symgrad import hooks
from symgrad.errors import GradientError, GraphTypeError, GraphValueError, repr_of
from symgrad.gradient.reverse import pull_back
from symgrad.graph.expr import Expr, Placeholder
from symgrad.graph.foreign import as_array
from symgrad.graph.types import TensorType, is_float
from symgrad.ops.arithmetic.elementwise import cast
from symgrad.ops.op import NullGrad, constant


class Error(NamedTuple):
    """Where an analytic gradient differs most from the numerical one.

    `argument` and `position` say which element (flat, in C order); NaN counts as infinite.
    """

    argument: int
    position: int
    abs_err: float
    rel_err: float


class numeric_grad:
    """The gradient of a function of arrays by central differences.

    Parameters
    ----------
    f : callable
        Takes the arrays and returns a scalar.
    pt : array or list of arrays
        Where to differentiate; floats.
    eps : float, optional
        The step; by default one that balances truncation and rounding in their dtype, and where a
        number is far from 1, on its scale or on that of 1, whichever is more accurate.
    out_type : str, optional
        dtype of the values of `f`, if less precise than the inputs.

    Attributes
    ----------
    gf : array or list of arrays
        The gradient, as `pt` is.

    >>> numeric_grad(lambda x: (x**2).sum(), np.array([1.0, 3.0])).gf.round(6)
    array([2., 6.])
    """

    # The error of a central difference, eps**2 + rounding / eps, is least near rounding**(1/3).
    type_eps = {"float64": 6e-6, "float32": 5e-3, "float16": 1e-1}

    def __init__(
        self,
        f: Callable[..., Any],
        pt: Any,
        eps: float | None = None,
        out_type: str | None = None,
    ) -> None:
        several = isinstance(pt, (list, tuple))
        points = [np.array(as_array(p)) for p in (pt if several else [pt])]
        for point in points:
            if not is_float(point.dtype.name):
                raise GraphTypeError(
                    f"numeric_grad: a point must hold floats, not {point.dtype}. Cast it."
                )
        dtypes = [p.dtype.name for p in points] + ([out_type] if out_type in self.type_eps else [])
        step = max(self.type_eps[str(d)] for d in dtypes) if eps is None else eps
        gradients = []
        for point in points:
            gradient = np.zeros(point.shape, np.float64)
            for position in np.ndindex(point.shape):
                before = point[position]

                def at(x: Any, point: Any = point, position: Any = position) -> tuple[float, float]:
                    point[position] = x
                    return float(point[position]), float(f(*points))

                try:
                    gradient[position] = _slope(at, before, step, fixed=eps is not None)
                finally:
                    point[position] = before
            gradients.append(gradient.astype(point.dtype))
        self.gf: Any = gradients if several else gradients[0]

    @staticmethod
    def abs_rel_err(a: Any, b: Any) -> tuple[Any, Any]:
        """Absolute and relative difference of two arrays, element by element."""
        abs_err = np.abs(a - b)
        return abs_err, abs_err / np.maximum(np.abs(a) + np.abs(b), 1e-8)

    def abs_rel_errors(self, g_pt: Any) -> list[tuple[Any, Any]]:
        """`abs_rel_err` of each array of a gradient."""
        mine = self.gf if isinstance(self.gf, list) else [self.gf]
        given = g_pt if isinstance(g_pt, (list, tuple)) else [g_pt]
        if [np.shape(a) for a in mine] != [np.shape(b) for b in given]:
            raise GraphValueError(
                f"numeric_grad: the gradient to compare has shapes {[np.shape(b) for b in given]}"
                f", the numerical one {[np.shape(a) for a in mine]}."
            )
        return [
            self.abs_rel_err(np.asarray(a, np.float64), np.asarray(b, np.float64))
            for a, b in zip(mine, given, strict=True)
        ]

    def max_err(self, g_pt: Any, abs_tol: float, rel_tol: float) -> Error:
        """Where the tolerances are exceeded most: an error must exceed both of them."""
        worst, where = -1.0, Error(0, 0, 0.0, 0.0)
        for argument, (abs_err, rel_err) in enumerate(self.abs_rel_errors(g_pt)):
            if abs_err.size == 0:
                continue
            excess = np.minimum(abs_err / abs_tol, rel_err / rel_tol)
            excess = np.where(np.isnan(excess), np.inf, excess)
            position = int(np.argmax(excess))
            if excess.flat[position] > worst:
                worst = float(excess.flat[position])
                where = Error(
                    argument, position, float(abs_err.flat[position]), float(rel_err.flat[position])
                )
        return where


def _slope(at: Callable[[Any], tuple[float, float]], x: Any, step: float, fixed: bool) -> float:
    """A central difference; `at` says for a number what it was rounded to, and the value there."""

    def difference(h: float) -> float:
        (x1, f1), (x0, f0) = at(x + h), at(x - h)
        if x1 == x0:
            raise GraphValueError(
                f"numeric_grad: a step of {h:g} does not change the {x.dtype} number {x}. Leave "
                f"eps away, or take one above {np.spacing(abs(x)):.2g}."
            )
        return (f1 - f0) / (x1 - x0)

    size = abs(float(x))
    if fixed or 0.01 <= size <= 100 or not 0 < size < np.inf:
        return difference(step)
    # How fast the function changes, at the scale of x as a logarithm or at that of 1 as a sine,
    # nobody knows: of two steps that one is better whose slope a double step hardly changes.
    least = 16 * float(np.spacing(abs(x)))
    found = []
    for h in (max(step, least), max(step * size, least)):
        once, twice = difference(h), difference(2 * h)
        largest = max(abs(once), abs(twice))
        change = abs(once - twice) / largest if largest else np.inf  # 0: too small a step
        found.append((change if np.isfinite(change) else np.inf, once))
    return min(found, key=lambda pair: pair[0])[1]


_TOLERANCE = {"float16": 5e-2, "float32": 1e-2, "float64": 1e-4}


def verify_grad(
    fun: Callable[..., Any],
    pt: Sequence[Any],
    n_tests: int = 2,
    rng: Any = None,
    eps: float | None = None,
    out_type: str | None = None,
    abs_tol: float | None = None,
    rel_tol: float | None = None,
    mode: Any = None,
    cast_to_output_type: bool = False,
    no_debug_ref: bool = True,
) -> None:
    """Check the gradient of an expression against finite differences.

    Parameters
    ----------
    fun : callable
        Takes one symbolic variable for each entry of `pt`; returns an expression, or a list.
    pt : list of arrays
        Where to check; floats (fix other arguments inside `fun`).
    n_tests : int
        How many random linear functions of the result to differentiate.
    rng : numpy.random.RandomState or Generator, optional
        Where the random weights come from; always the same ones by default.
    eps : float, optional
        The step of the differences.
    out_type : str, optional
        dtype of the result of `fun`, if less precise than `pt`.
    abs_tol, rel_tol : float, optional
        An element is wrong if it exceeds both; by default 1e-4 for float64, 1e-2 for float32.
    mode : str, optional
        For `function`.
    cast_to_output_type : bool
        Take `pt` and the weights in `out_type`.
    no_debug_ref : bool
        Theano's argument, without effect.

    Raises
    ------
    GradientError
        Says which element differs and by how much.

    >>> import symgrad.tensor as T
    >>> verify_grad(lambda x: T.tanh(x) ** 2, [np.array([0.1, -2.0])])
    """
    if not isinstance(pt, (list, tuple)):
        raise GraphTypeError(f"verify_grad: pt must be a list of arrays, not {repr_of(pt)}.")
    points = [np.array(as_array(p)) for p in pt]
    for k, point in enumerate(points):
        if not is_float(point.dtype.name):
            raise GraphTypeError(
                f"verify_grad: point {k} holds {point.dtype}, but only floats can be varied. Fix "
                "this argument: verify_grad(lambda x: f(x, n), [x])."
            )
    if cast_to_output_type and out_type is not None:
        points = [p.astype(out_type) for p in points]
    random = np.random.RandomState(0) if rng is None else rng

    inputs = [
        Placeholder(TensorType(p.dtype.name, shape=(None,) * p.ndim), f"x{k}")
        for k, p in enumerate(points)
    ]
    made = fun(*inputs)
    outputs = list(made) if isinstance(made, (list, tuple)) else [made]
    for output in outputs:
        if not isinstance(output, Expr) or not is_float(output.dtype):
            raise GraphTypeError(
                "verify_grad: fun must return real floating-point expressions, not "
                f"{repr_of(output)}."
            )
    settings = {"mode": mode, "on_unused_input": "ignore"}
    forward = hooks.call("function", inputs, outputs, **settings)
    dtypes = [p.dtype.name for p in points] + [o.dtype for o in outputs]
    dtypes += [out_type] if out_type else []
    tolerance = max(_TOLERANCE[d] for d in dtypes)
    abs_tol = tolerance if abs_tol is None else abs_tol
    rel_tol = tolerance if rel_tol is None else rel_tol

    start = [value.astype(np.float64) for value in forward(*points)]
    weights = [Placeholder(o.type, f"weights{k}") for k, o in enumerate(outputs)]
    found = pull_back(list(zip(outputs, weights, strict=True)), inputs)
    for k, gradient in enumerate(found):
        if isinstance(gradient, NullGrad):
            raise GradientError(
                f"verify_grad: the gradient for argument {k} is undefined: {gradient.reason}"
            )
    gradients = [
        cast(constant(0), i.dtype) * i if g is None else g
        for i, g in zip(inputs, found, strict=True)
    ]
    backward = hooks.call("function", [*inputs, *weights], gradients, **settings)
    narrow = max((o.dtype for o in outputs), key=lambda d: _TOLERANCE[d])
    for test in range(n_tests):
        drawn = [
            np.asarray(random.uniform(0.5, 1.5, shape)).astype(o.dtype)
            for shape, o in zip(map(np.shape, start), outputs, strict=True)
        ]

        def cost(*values: Any, drawn: Sequence[Any] = drawn) -> float:
            with np.errstate(all="ignore"):
                return sum(  # of the differences: beside a large result a small one would be lost
                    float(np.sum((value.astype(np.float64) - old) * weight))
                    for value, old, weight in zip(forward(*values), start, drawn, strict=True)
                )

        analytic = backward(*points, *drawn)
        for k, (gradient, point) in enumerate(zip(analytic, points, strict=True)):
            if gradient.shape != point.shape:
                raise GradientError(
                    f"verify_grad: the gradient for argument {k} has shape {gradient.shape}, but "
                    f"the argument {point.shape}."
                )
        numeric = numeric_grad(cost, points, eps, out_type or narrow)
        worst = numeric.max_err(analytic, abs_tol, rel_tol)
        if worst.abs_err <= abs_tol or worst.rel_err <= rel_tol:
            continue
        where = np.unravel_index(worst.position, points[worst.argument].shape)
        have = analytic[worst.argument][where]
        want = numeric.gf[worst.argument][where]
        raise GradientError(
            f"verify_grad: the gradient of {' and '.join(map(str, outputs))} with respect to "
            f"argument {worst.argument}, element {tuple(map(int, where))}, is {have}, but "
            f"differences give {want} (absolute error {worst.abs_err:.3g} > {abs_tol:.3g}, "
            f"relative {worst.rel_err:.3g} > {rel_tol:.3g}) at the value "
            f"{points[worst.argument][where]}, in test {test + 1} of {n_tests}."
        )
