"""symgrad.tensor.nnet."""
from symgrad.ops.nnet import softmax as softmax, sigmoid as sigmoid, softplus as softplus, logsoftmax as logsoftmax
