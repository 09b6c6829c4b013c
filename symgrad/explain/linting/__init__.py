"""`lint`: what is legal, runs, and is still probably not what was meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad.errors import checks_keywords
from symgrad.explain.linting.findings import Finding as Finding, Findings as Findings


@checks_keywords
def lint(
    cost: Any,
    params: Sequence[Any] | None = None,
    updates: Any = None,
    givens: Any = None,
) -> Findings:
    """Look for silent bugs: programs that run, and do not do what they were written for.

    Nothing is computed but shapes. Looked for are: parameters whose gradient is zero whatever
    happens (``zero-gradient``) or that the cost does not depend on (``disconnected``), that nothing
    updates (``no-update``) or whose update goes up the gradient (``ascent``), changes nothing
    (``no-change``) or reads what another update writes (``reads-old``); softmax over an axis of
    length 1 (``softmax-of-one``), over the examples (``batch-axis``) or twice (``softmax-twice``);
    the logarithm of what can be 0, after rewriting for stability (``log-of-zero``); integer
    division in a cost (``integer-division``); a vector of examples that meets a matrix
    (``row-meets-column``); data that is copied whole in every call (``copied-data``); parameters
    that hold NaN or infinity (``not-finite``).

    Parameters
    ----------
    cost : variable, list of variables, or Function
        What is computed; of a compiled function outputs, updates and givens are known.
    params : list of variables, optional
        What is learnt. Default: what is updated, or else the shared variables of float dtype that
        the cost is computed from.
    updates : dict or pairs of (shared variable, new value), optional
        As for `function`. None: not told; empty: there are none.
    givens : dict or pairs of (variable, replacement), optional
        As for `function`.

    Returns
    -------
    Findings
        A list of `Finding`; ``print`` shows them as text.

    >>> import numpy as np
    >>> import symgrad.tensor as T
    >>> from symgrad.graph.shared import shared
    >>> x, w = T.dmatrix("x"), shared(np.zeros(3), "w")
    >>> cost = T.sum(T.round(T.dot(x, w)))
    >>> lint(cost, [w])[0].code
    'zero-gradient'
    """
    from symgrad.explain.linting.rules import RULES
    from symgrad.explain.linting.subject import subject

    what = subject(cost, params, updates, givens)
    findings = Findings()
    seen = set()
    for rule in RULES:
        for finding in rule(what):
            key = (finding.code, finding.node)
            if key not in seen:
                seen.add(key)
                findings.append(finding)
    findings.sort(key=lambda finding: finding.severity != "warning")
    return findings
