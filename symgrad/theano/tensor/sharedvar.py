"""symgrad.tensor.sharedvar: the class of shared variables, under Theano's names."""

from symgrad.graph.shared import Shared, shared

TensorSharedVariable = ScalarSharedVariable = Shared
tensor_constructor = scalar_constructor = shared
