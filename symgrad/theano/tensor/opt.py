"""symgrad.tensor.opt: names that Theano's users import from here."""

from symgrad.ops.control.debugging import Assert as Assert, assert_op as assert_op
