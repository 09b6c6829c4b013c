"""Why answers on the grid differ: each difference there has an entry here.

An entry is a pattern of expressions, one of differences, and the reason; those that programs may
count on are rows of docs/differences.md.
"""

from __future__ import annotations

import re
from typing import Any

NUMBER = r"(2|1\.5|-1|300|2\*\*40)"
REASONS: list[tuple[str, str, str]] = [
    (r"", r"^only Theano fails", "more is defined here"),
    (r"", r"^only ours fails .*complex", "functions of real numbers refuse complex ones"),
    (r"\ba, True\b|True, a|i \* True|constant\(True\)", r"^dtypes", "Python's bools are bools"),
    (r"axis=\(\)", r"^ndims|^values|^slopes", "no axis is reduced"),
    (rf"\(a, {NUMBER}\)|\({NUMBER}, a\)", r"^dtypes", "a Python number keeps the array's dtype"),
    (r"T\.\w+\(a, -1\)", r"only ours fails .*negative integer powers", "there are none"),
    (r"\*\* -1", r"only ours fails .*negative integer powers", "there are none"),
    (r"and_|or_|xor", r"only ours fails .*needs integers", "no integer type holds both"),
    (r"T\.(ceil|floor|trunc)\(a\)", r"^dtypes", "integers stay integers"),
    (r"T\.(sqr|conj)\(a\)", r"^dtypes .*bool", "bools as numbers are int8"),
    (r"T\.(int_div|mod)\(a, b\)", r"^dtypes .*bool", "bools as numbers are int8"),
    (r"T\.angle", r"^dtypes", "the precision of the input"),
    (r"T\.nnet\.(relu|selu)", r"^dtypes", "a Python number keeps the array's dtype"),
    (r"T\.(arange|constant)", r"^dtypes", "Python floats, in lists too, are floatX"),
    (r"T\.fill", r"^dtypes", "a Python number takes the array's dtype"),
    (r"(arctan2|xlogy0)\(a, b\)", r"^dtypes \['float16'\]", "the smallest type of both"),
    (r"astype\(\"u?int8\"\)", r"^dtypes", "a Python number keeps the array's dtype"),
    (r"mean\(dtype=", r"^dtypes", "the dtype that is asked for"),
    (r"softmax\(v\)", r"^ndims", "a vector stays a vector"),
    (r"clip", r"^values", "where the bounds cross the upper one holds"),
    (r"i / i", r"^values", "0 / 0 is NaN"),
    (r"v // 1\.", r"^values", "Theano takes it for v"),
    (r"largest|smallest", r"^values .*nan", "NaN in, NaN out"),
    (r"solve", r"^values .*Theano's ValueError", "NaN in, NaN out"),
    (r"complex_from_polar", r"^values .*Theano's ValueError", "a product of two numbers"),
    (r"norm\(v, np.inf\)", r"^values", "Theano forgets the signs"),
    (r"max\(\)|argmax\(\)", r"only ours fails .*no elements", "refused when it is written"),
    (r"T\.(mean|var|std)\(a", r"^values", "integers are added up in float64"),
    (r"T\.(min|argmin)\(a", r"^values .*", "Theano negates integers, which wraps"),
    (r"T\.ptp\(a", r"^values .*OverflowError", "NumPy's arithmetic; Theano's Python form fails"),
    (r"T\.neg\(a\)", r"^values", "Theano's Python form of unsigned numbers"),
    (r"T\.true_div\(a, (b|-1)\)", r"^(values|slopes)", "Theano negates integers, which wraps"),
    (r"T\.(pow|power|add)\(a", r"^values .*OverflowError", "Theano's Python form fails"),
    (r"T\.iround|int32|T\.cast", r"^values .*(Value|Overflow)Error", "casts of NaN: NumPy's"),
    (r"T\.gamma\(a\)", r"^values", "SciPy's newer answer at poles"),
    (r"T\.nnet\.softplus", r"^values", "bools: Theano's Python form computes in float16"),
    (r"T\.nnet\.relu\(a\)", r"^values", "Theano's formula overflows"),
    (r"T\.nnet\.elu\(a\)", r"^slopes", "the branch not taken stays out of it"),
    (r"T\.nnet\.(hard_sigmoid|relu)", r"^slopes", "NaN in, NaN out; the limit at infinity"),
    (r"T\.(maximum|minimum)\(|clip", r"^(slopes|values)", "NaN in, NaN out"),
    (r"T\.max\(v|v\.max", r"^(slopes|values) .*nan", "NaN in, NaN out"),
    (r"selu|relu\(v, \.1|norm\(3\)", r"^values", "floatX=float32: Theano rounds the numbers"),
    (r"^T\.grad", r"^dtypes", "a gradient has its variable's dtype"),
    (r"softmax", r"^(values|slopes) .*nan", "beside an infinite score the others are 0"),
    (r"T\.angle|arctan2|erfcx", r"^slopes", "the limit at infinity"),
    (r"cumprod", r"^(slopes|values)", "a product of the others, no division"),
    (r"T\.(pow|power|mod|true_div)\(a, b\)", r"^slopes", "finite where the limit is; own dtype"),
    (r"xlogy0", r"^slopes", "xlogy0(0, a) is 0 everywhere"),
    (r"T\.mul\(", r"^slopes", "all operands in the result's type; a slope has its variable's"),
    (r"argsort|argtopk", r"^values", "equal numbers, NaN among them, in no order that counts"),
    (r"grad\(i\.sum\(\), i\)", r"only ours fails", "an integer cost is refused"),
    (r"astype\(\"float32\"\) \* i", r"^slopes ShapeError", "lengths that do not fit"),
    (r"T\.(eq|neq|lt|le|gt|ge)\(.*2\*\*40", r"^dtypes", "a Python number keeps the array's dtype"),
    (r"T\.add\(a, b, c\)", r"^values .*OverflowError", "Theano's Python form fails"),
]


def explained(case: dict[str, Any], difference: str) -> str:
    """The reason for a difference; empty where there is none yet."""
    for expression, found, reason in REASONS:
        if re.search(expression, case["expression"]) and re.search(found, difference):
            return reason
    return ""
