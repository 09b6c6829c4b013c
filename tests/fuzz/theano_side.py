"""Run in a Python that has Theano: programs come in as lines of JSON, results go out."""

import json
import os
import sys
import warnings

os.environ.setdefault("THEANO_FLAGS", "optimizer_excluding=fusion")
warnings.simplefilter("ignore")
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what libraries print is no answer

import numpy as np  # noqa: E402
import theano  # noqa: E402
import theano.tensor as T  # noqa: E402


def large(seed, shape, dtype):
    return np.random.RandomState(seed).randn(*shape).astype(dtype)


def answer(question):
    theano.config.floatX = question["floatX"]
    names = {"np": np, "T": T, "S": theano, "large": large, "nan": np.nan, "inf": np.inf}
    inputs, values = [], []
    for name, role, text, dtype, shape in question["leaves"]:
        value = np.array(eval(text, dict(names)))
        if role == "shared":
            names[name] = theano.shared(value, name, broadcastable=[n == 1 for n in shape])
        elif role == "constant":
            names[name] = T.constant(value)
        else:
            names[name] = T.TensorType(dtype, [n == 1 for n in shape])(name)
            inputs.append(names[name])
            values.append(value)
    for name, text in question["steps"]:
        names[name] = eval(text, dict(names))
    f = theano.function(inputs, [names[n] for n in question["outputs"]], on_unused_input="ignore")
    found = []
    for result in map(np.asarray, f(*values)):
        parts = np.stack([result.real, result.imag], -1) if result.dtype.kind == "c" else result
        found.append([str(result.dtype), list(result.shape), parts.tolist()])
    return {"values": found}


for line in sys.stdin:
    try:
        with np.errstate(all="ignore"):
            told = answer(json.loads(line))
    except Exception as error:
        told = {"error": type(error).__name__ + ": " + str(error)[:200]}
    out.write(json.dumps(told) + "\n")
    out.flush()
