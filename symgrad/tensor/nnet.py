"""What neural networks are made of, in Theano's names."""

from symgrad.ops.crossentropy import binary_crossentropy as binary_crossentropy
from symgrad.ops.crossentropy import categorical_crossentropy as categorical_crossentropy
from symgrad.ops.crossentropy import confusion_matrix as confusion_matrix
from symgrad.ops.crossentropy import crossentropy_categorical_1hot as crossentropy_categorical_1hot
from symgrad.ops.crossentropy import crossentropy_softmax_1hot as crossentropy_softmax_1hot
from symgrad.ops.crossentropy import (
    crossentropy_softmax_1hot_with_bias as crossentropy_softmax_1hot_with_bias,
)
from symgrad.ops.crossentropy import (
    crossentropy_softmax_argmax_1hot_with_bias as crossentropy_softmax_argmax_1hot_with_bias,
)
from symgrad.ops.crossentropy import (
    crossentropy_softmax_max_and_argmax_1hot as crossentropy_softmax_max_and_argmax_1hot,
)
from symgrad.ops.crossentropy import (
    crossentropy_softmax_max_and_argmax_1hot_with_bias as crossentropy_softmax_max_and_argmax_1hot_with_bias,  # noqa: E501
)
from symgrad.ops.crossentropy import prepend_0_to_each_row as prepend_0_to_each_row
from symgrad.ops.crossentropy import prepend_1_to_each_row as prepend_1_to_each_row
from symgrad.ops.crossentropy import prepend_scalar_to_each_row as prepend_scalar_to_each_row
from symgrad.ops.crossentropy import sigmoid_binary_crossentropy as sigmoid_binary_crossentropy
from symgrad.ops.nnet import elu as elu
from symgrad.ops.nnet import hard_sigmoid as hard_sigmoid
from symgrad.ops.nnet import logsoftmax as logsoftmax
from symgrad.ops.nnet import relu as relu
from symgrad.ops.nnet import selu as selu
from symgrad.ops.nnet import sigmoid as sigmoid
from symgrad.ops.nnet import softmax as softmax
from symgrad.ops.nnet import softmax_with_bias as softmax_with_bias
from symgrad.ops.nnet import softplus as softplus
from symgrad.ops.nnet import softsign as softsign
from symgrad.ops.nnet import swish as swish
from symgrad.ops.nnet import ultra_fast_sigmoid as ultra_fast_sigmoid
