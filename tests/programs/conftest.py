"""Each program runs once for either `floatX`."""

from __future__ import annotations

import pytest

import symgrad as theano


@pytest.fixture(autouse=True, params=["float64", "float32"])
def dtype(request):
    with theano.config.change_flags(floatX=request.param):
        yield request.param
