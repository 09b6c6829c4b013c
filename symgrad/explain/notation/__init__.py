"""Mathematical notation of expressions: `text` for terminals, `latex` for papers.

>>> import symgrad.tensor as T
>>> x, W = T.dmatrices("x", "W")
>>> b, y = T.dvector("b"), T.ivector("y")
>>> p = T.nnet.softmax(T.dot(x, W) + b)
>>> text(-T.mean(T.log(p)[T.arange(y.shape[0]), y]))
'−mean(log softmax(xW + b)[k, y_k])'
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from symgrad.errors import GraphTypeError, repr_of
from symgrad.explain.notation.dialects import STYLES as STYLES
from symgrad.explain.notation.style import Piece as Piece
from symgrad.explain.notation.writing import Written as Written, formulas as formulas
from symgrad.graph.expr import Expr


def text(
    expr: Any,
    names: Mapping[Expr, str] | None = None,
    *,
    ascii: bool = False,
    share: bool = True,
    limit: int = 300,
) -> str:
    """An expression in mathematical notation, as text.

    Parameters
    ----------
    expr : variable
        What to write. A variable without a name gets a letter and a number.
    names : dict, optional
        Names for some nodes, which stand for what is below them.
    ascii : bool
        Use ASCII alone: `x.T @ W` instead of `xᵀW`.
    share : bool
        Name parts that are used several times, and write what they are at the end.
    limit : int
        How many nodes are shown; what is below them is cut to `…`.

    Returns
    -------
    str
        One line. `·` is the product of a number and anything, or of matrices, which stand side by
        side where their names are short; `⊙` is the product element by element.

    >>> import symgrad.tensor as T
    >>> x, W = T.dmatrices("x", "W")
    >>> text(T.dot(x.T, T.tanh(T.dot(x, W)) ** 2) / 3)
    'xᵀ·tanh(xW)²/3'
    >>> text(T.dot(x.T, T.tanh(T.dot(x, W)) ** 2) / 3, ascii=True)
    'x.T @ tanh(x @ W)^2/3'
    """
    return _one_line(expr, names, "ascii" if ascii else "unicode", share, limit)


def latex(
    expr: Any,
    names: Mapping[Expr, str] | None = None,
    *,
    share: bool = True,
    limit: int = 300,
) -> str:
    r"""An expression in mathematical notation, as LaTeX without dollar signs.

    Parameters
    ----------
    expr, names, share, limit
        As for `text`. What is special to LaTeX in a name is escaped.

    >>> import symgrad.tensor as T
    >>> x, W = T.dmatrix("x"), T.dmatrix("W_hidden")
    >>> print(latex(T.dot(x.T, x) / 2 + W))
    \frac{x^{\top} x}{2} + W_{\text{hidden}}
    """
    return _one_line(expr, names, "latex", share, limit)


def _one_line(
    expr: Any, names: Mapping[Expr, str] | None, style: str, share: bool, limit: int
) -> str:
    if not isinstance(expr, Expr):
        raise GraphTypeError(f"notation: expected a symbolic variable, not {repr_of(expr)}.")
    written = formulas([expr], names, style=style, share=share, limit=limit)
    if not written.named:
        return written.formulas[0]
    separator = r" \text{ where } " if style == "latex" else " where "
    parts = [f"{name} = {formula}" for name, formula in reversed(written.named)]
    joined = r",\; ".join(parts) if style == "latex" else ", ".join(parts)
    return written.formulas[0] + separator + joined
