"""What dtypes operands are cast to, and which dtype a result has: rules for families, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from symgrad.errors import GraphTypeError
from symgrad.flags import config
from symgrad.graph.types import float_of, is_discrete, promote

# A dtype rule takes the dtypes of the inputs and returns the dtype each is cast to, and the
# dtype of the result.
DtypeRule = Callable[[Sequence[str], str], tuple[Sequence[str], str]]


def _same(dtypes: Sequence[str], name: str) -> tuple[Sequence[str], str]:
    common = promote(*dtypes)
    return (common,) * len(dtypes), common


def _number(dtypes: Sequence[str], name: str) -> tuple[Sequence[str], str]:
    common = promote(*dtypes)
    if common == "bool":
        raise GraphTypeError(
            f"{name} is not defined for booleans (NumPy refuses it too). Cast them first, or "
            "use T.xor, T.invert."
        )
    return (common,) * len(dtypes), common


def _count(dtypes: Sequence[str], name: str) -> tuple[Sequence[str], str]:
    common = promote(*dtypes)
    common = "int8" if common == "bool" else common
    return (common,) * len(dtypes), common


def _float(dtypes: Sequence[str], name: str) -> tuple[Sequence[str], str]:
    common = float_of(promote(*dtypes))
    return (common,) * len(dtypes), common


def _division(dtypes: Sequence[str], name: str) -> tuple[Sequence[str], str]:
    if all(map(is_discrete, dtypes)):  # of int64 and uint64 too, whose common dtype is float64
        common = str(config.floatX)
    else:
        common = promote(*dtypes)
    return (common,) * len(dtypes), common


def _compare(dtypes: Sequence[str], name: str) -> tuple[Sequence[str], str]:
    return (promote(*dtypes),) * len(dtypes), "bool"


def _bits(dtypes: Sequence[str], name: str) -> tuple[Sequence[str], str]:
    common = promote(*dtypes)
    if not is_discrete(common):
        raise GraphTypeError(
            f"{name} needs integers or booleans, not {' and '.join(dtypes)}. Compare first "
            "(x > 0), or cast."
        )
    return (common,) * len(dtypes), common


RULES: dict[str, DtypeRule] = {
    "same": _same,
    "number": _number,
    "count": _count,
    "float": _float,
    "division": _division,
    "compare": _compare,
    "bits": _bits,
}
