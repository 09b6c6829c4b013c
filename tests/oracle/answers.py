"""What a program answers, in symgrad or in Theano: cases as JSON in, answers as JSON out.

Run by the python of either, ``python answers.py symgrad`` or ``python answers.py theano``, so that
it imports nothing else of the project. A case is an expression, its inputs (name, dtype, pattern of
lengths of 1) and values for them, as texts:

    {"expression": "T.exp(a)", "inputs": [["a", "float32", [0]]], "values": [[["0.5", "nan"]]]}

and an answer its dtype, rank, values and slopes (of the sum, by each float input), or which step
failed: building, compiling, running or differentiating. A case with "names", a program that is run
before the expression and leaves values of its variables in `arrays`, is told in a few words.
"""

from __future__ import annotations

import importlib
import json
import sys
import warnings

import numpy as np


def as_text(value):
    """An array as nested lists whose numbers are texts, exact and without NaN's bits."""
    if isinstance(value, (list, tuple)):
        return [as_text(entry) for entry in value]
    return np.vectorize(repr, otypes=[object])(np.asarray(value).astype(object)).tolist()


def as_array(value, dtype):
    array = np.asarray(value, dtype=object)
    number = complex if dtype.startswith("complex") else float if "float" in dtype else int
    if dtype == "bool":
        number = bool
    out = np.empty(array.shape, dtype)
    for index, entry in np.ndenumerate(array):
        out[index] = number(entry)
    return out


def in_words(value):
    """A value in a few words: dtype and rounded numbers, or a text as it is."""
    if isinstance(value, str):
        return value
    value = np.asarray(value)

    def numbers(entry):
        if isinstance(entry, list):
            return "[" + ", ".join(map(numbers, entry)) + "]"
        return f"{entry:.6g}" if isinstance(entry, (float, complex)) else str(entry)

    return f"{value.dtype} {numbers(value.tolist())}"


def tell(S, T, names, expression):
    """The answer to an expression of names that a program makes, in a few words."""
    scope = {"S": S, "T": T, "np": np}
    exec(names, scope)
    try:
        result = eval(expression, scope)
        if hasattr(result, "owner"):
            run = S.function(list(scope["arrays"]), result, on_unused_input="ignore")
            result = run(*scope["arrays"].values())
        return in_words(result)
    except Exception:
        return "refused"


def results(run, given):
    """What a function gives, as texts, or the name of its error."""
    try:
        return [as_text(v) for v in run(*given)]
    except Exception as error:
        return type(error).__name__


def answer(S, T, case):
    """The answer of one case, as plain data."""
    if "names" in case:
        return {"told": tell(S, T, case["names"], case["expression"])}
    made = {}
    for name, dtype, pattern in case["inputs"]:
        made[name] = T.TensorType(dtype, tuple(n == 1 for n in pattern))(name)
    names = {"S": S, "T": T, "np": np, **made}
    found = {}
    step = "building"
    try:
        y = eval(case["expression"], names)
        outputs = list(y) if isinstance(y, (list, tuple)) else [y]
        outputs = [T.as_tensor_variable(o) for o in outputs]
        found["dtypes"] = [o.dtype for o in outputs]
        found["ndims"] = [o.ndim for o in outputs]
        step = "compiling"
        inputs = list(made.values())
        run = S.function(inputs, outputs, on_unused_input="ignore")
        step = "running"
        arguments = [
            [as_array(v, dtype) for v, (_, dtype, _) in zip(given, case["inputs"], strict=True)]
            for given in case["values"]
        ]
        found["values"] = [results(run, given) for given in arguments]
        wrt = [v for v in inputs if v.dtype.startswith("float")]
        if case.get("slopes", True) and wrt and all(d.startswith("float") for d in found["dtypes"]):
            step = "differentiating"
            cost = sum(o.sum() for o in outputs)
            slopes = T.grad(cost, wrt, disconnected_inputs="ignore")
            found["slope_dtypes"] = [s.dtype for s in slopes]
            run = S.function(inputs, slopes, on_unused_input="ignore")
            found["slopes"] = [results(run, given) for given in arguments]
    except Exception as error:
        found["failed"] = step
        found["error"] = f"{type(error).__name__}: {error}".split("\n")[0][:150]
    return found


def main(which):
    """Answer each line of the standard input with one of the standard output."""
    warnings.simplefilter("ignore")
    S = importlib.import_module(which)
    T = importlib.import_module(which + ".tensor")
    for name in ("nnet", "nlinalg", "slinalg", "extra_ops", "opt"):
        importlib.import_module(f"{which}.tensor.{name}")
    for line in sys.stdin:
        case = json.loads(line)
        with np.errstate(all="ignore"):
            found = answer(S, T, case)
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
