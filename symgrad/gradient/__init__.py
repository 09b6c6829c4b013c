"""symgrad.gradient: derivatives, under the names of Theano's `theano.gradient`."""

from symgrad.errors import (
    DisconnectedInputError as DisconnectedInputError,
    GradientError as GradientError,
    NullTypeGradError as NullTypeGradError,
)
from symgrad.gradient.gradients import (
    DisconnectedType as DisconnectedType,
    Lop as Lop,
    Rop as Rop,
    format_as as format_as,
    grad as grad,
    hessian as hessian,
    jacobian as jacobian,
    subgraph_grad as subgraph_grad,
)
from symgrad.gradient.verification import numeric_grad as numeric_grad, verify_grad as verify_grad
from symgrad.ops.control.barriers import (
    consider_constant as consider_constant,
    disconnected_grad as disconnected_grad,
    grad_clip as grad_clip,
    grad_not_implemented as grad_not_implemented,
    grad_scale as grad_scale,
    grad_undefined as grad_undefined,
    undefined_grad as undefined_grad,
    zero_grad as zero_grad,
)
