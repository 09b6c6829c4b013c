"""What neural networks are made of, in Theano's names."""

from symgrad.ops.nnet.crossentropy import (
    binary_crossentropy as binary_crossentropy,
    categorical_crossentropy as categorical_crossentropy,
    confusion_matrix as confusion_matrix,
    crossentropy_categorical_1hot as crossentropy_categorical_1hot,
    crossentropy_softmax_1hot as crossentropy_softmax_1hot,
    crossentropy_softmax_1hot_with_bias as crossentropy_softmax_1hot_with_bias,
    crossentropy_softmax_argmax_1hot_with_bias as crossentropy_softmax_argmax_1hot_with_bias,
    crossentropy_softmax_max_and_argmax_1hot as crossentropy_softmax_max_and_argmax_1hot,
    crossentropy_softmax_max_and_argmax_1hot_with_bias as crossentropy_softmax_max_and_argmax_1hot_with_bias,  # noqa: E501
    prepend_0_to_each_row as prepend_0_to_each_row,
    prepend_1_to_each_row as prepend_1_to_each_row,
    prepend_scalar_to_each_row as prepend_scalar_to_each_row,
    sigmoid_binary_crossentropy as sigmoid_binary_crossentropy,
)
from symgrad.ops.nnet.nnet import (
    elu as elu,
    hard_sigmoid as hard_sigmoid,
    relu as relu,
    selu as selu,
    sigmoid as sigmoid,
    softplus as softplus,
    softsign as softsign,
    swish as swish,
    ultra_fast_sigmoid as ultra_fast_sigmoid,
)
from symgrad.ops.nnet.softmax import (
    logsoftmax as logsoftmax,
    softmax as softmax,
    softmax_with_bias as softmax_with_bias,
)
