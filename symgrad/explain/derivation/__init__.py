"""Gradients on paper: `symgrad.derive(cost, wrt)`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from symgrad.errors import GraphValueError
from symgrad.gradient import grad
from symgrad.graph.walk import toposort

if TYPE_CHECKING:
    from symgrad.explain.derivation.show import Derivation

_MOST = 5000  # nodes; nobody reads the derivation of more


def derive(
    cost: Any, wrt: Any, numeric_check: bool | Mapping[Any, Any] | None = None
) -> Derivation:
    """Derive a gradient by the chain rule, step by step, as one would on paper.

    The steps come from the operations' own rules, applied to the graph after it was stabilised, as
    `grad` does; then they are brought into the form in which they are written by hand. Lengths that
    meet in an elementwise operation count as equal, unless one is known to be 1, and points where a
    function has a kink are left out (`relu` at 0).

    Parameters
    ----------
    cost : scalar variable
        What to differentiate.
    wrt : variable, or list or tuple of variables
        Inputs, shared variables or intermediate results of the graph.
    numeric_check : bool or dict, optional
        Compare each step with differences of the cost: at drawn values (True), or at those given
        for variables or their names. `Derivation.check` does it later.

    Returns
    -------
    Derivation
        Prints as text, shows as mathematics in a notebook; `.definitions`, `.steps`, `.result`,
        `.text()`, `.latex()` and `.check()` give the parts.

    Raises
    ------
    GraphTypeError, DisconnectedInputError, NullTypeGradError
        As `grad`.

    >>> import numpy as np
    >>> import symgrad
    >>> import symgrad.tensor as T
    >>> x, y = T.dmatrix("x"), T.lvector("y")
    >>> W = symgrad.shared(np.zeros((784, 10)), "W")
    >>> b = symgrad.shared(np.zeros(10), "b")
    >>> p = T.nnet.softmax(T.dot(x, W) + b)
    >>> cost = -T.mean(T.log(p)[T.arange(y.shape[0]), y])
    >>> derivation = derive(cost, [W, b])
    >>> print(derivation.result[0])
    ∂ℓ/∂W = xᵀ(softmax(xW + b) − onehot(y))/n
    >>> [step.text for step in derivation.steps]
    ['(p − onehot(y))/n', 'xᵀ·∂ℓ/∂z', 'Σ_rows(∂ℓ/∂z)']
    >>> all(step.ok for step in derivation.check())
    True
    """
    from symgrad.explain.derivation.show import Derivation

    several = isinstance(wrt, (list, tuple))
    grad(cost, wrt, add_names=False)  # says what is wrong with the arguments
    if several and not wrt:
        raise GraphValueError("derive: wrt is empty; give it the variables to differentiate by.")
    targets = list(wrt) if several else [wrt]
    if any(target is cost for target in targets):
        raise GraphValueError("derive: wrt holds the cost itself, by which its gradient is 1.")
    nodes = len(toposort([cost]))
    if nodes > _MOST:
        raise GraphValueError(
            f"derive: the cost has {nodes:,} operations and variables; a derivation of more than "
            f"{_MOST:,} is not written. Derive a part: derive(cost, an_intermediate_result)."
        )
    derivation = Derivation(cost, targets, several)
    if numeric_check is not None and numeric_check is not False:
        derivation.check(None if numeric_check is True else numeric_check)
    return derivation
