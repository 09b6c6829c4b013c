"""How the bodies of loops are compiled: by the pipeline that everything goes through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symgrad import hooks
from symgrad.compile import function
from symgrad.graph.expr import Expr
from symgrad.rewrite.pipeline import prepare


@hooks.provide("compile_body")
def compile_body(inputs: Sequence[Expr], outputs: Sequence[Expr]) -> Callable[..., list[Any]]:
    """Compile what a loop does in one round.

    >>> import numpy as np
    >>> import symgrad.tensor as T
    >>> x = T.dscalar("x")
    >>> compile_body([x], [x + 1])(np.array(1.0))
    [array(2.)]
    """
    return function(list(inputs), list(outputs), name="loop", on_unused_input="ignore")


@hooks.provide("prepare_body")
def prepare_body(outputs: Sequence[Expr]) -> list[Expr]:
    """Rewrite what a loop does in one round, for backends that compute it node by node.

    >>> import symgrad.tensor as T
    >>> x = T.dmatrix("x")
    >>> prepare_body([T.log(T.nnet.softmax(x))])[0].op.name
    'log_softmax'
    """
    return prepare(outputs)
