"""The names that Theano's users type are there, and take the arguments in Theano's order."""

from __future__ import annotations

import functools
import importlib
import inspect

import numpy as np
import pytest

import symgrad as theano
import symgrad.tensor as T

NAMES = {
    "theano": """
        config function shared grad Lop Rop clone dot scalar pp pprint printing gradient tensor
        compile In Out Param Mode Variable Constant SharedVariable subgraph_grad change_flags
        sparse_grad debugprint generic get_scalar_constant_value function_dump predefined_modes
        predefined_linkers predefined_optimizers""",
    "theano.tensor": """
        TensorConstant TensorSharedVariable TensorType TensorVariable Lop Rop abs_ add addbroadcast
        all alloc allclose and_ any arange arccos arccosh arcsin arcsinh arctan arctan2 arctanh
        argmax argmin argsort argtopk as_tensor_variable batched_dot batched_tensordot bincount
        bitwise_and bitwise_not bitwise_or bitwise_xor cast ceil choose clip compress concatenate
        conj constant cos cosh cumprod cumsum deg2rad diag diagonal diff discrete_dtypes dot eq erf
        erfc erfcinv erfinv exp exp2 expm1 extra_ops eye fill fill_diagonal flatnonzero flatten
        float_dtypes floor gamma gammaln ge grad gt hessian horizontal_stack identity_like imag
        inc_subtensor int_div inv invert inverse_permutation isclose isinf isnan jacobian join
        largest le log log10 log1p log2 lt max max_and_argmax maximum mean mgrid min minimum mod
        mul neg neq nlinalg nnet nonzero nonzero_values ogrid ones ones_like opt or_ outer
        patternbroadcast permute_row_elements pow prod psi ptp rad2deg ravel_multi_index real
        repeat reshape roll round searchsorted second set_subtensor sgn shape shape_padaxis
        shape_padleft shape_padright sharedvar sin sinh size slinalg smallest sort specify_shape
        split sqr sqrt squeeze stack stacklists std sub sum swapaxes switch take tan tanh tensor
        tensor_copy tensordot tile to_one_hot topk topk_and_argtopk trace transpose tri tril triu
        true_div trunc unbroadcast unravel_index var verify_grad vertical_stack where xlogx xor
        zeros zeros_like iround complex complex_from_polar get_vector_length as_tensor load iv jv
        all_dtypes int_dtypes uint_dtypes complex_dtypes ceil_intdiv default extract_constant
        get_scalar_constant_value tensor_from_scalar scalar_from_tensor transfer isnan_ isinf_
        NotScalarConstantError EmptyConstantError ShapeError erfcx cov gammal gammau int_types
        int_scalar_types int_vector_types int_matrix_types float_types float_scalar_types
        float_vector_types float_matrix_types complex_types complex_scalar_types
        complex_vector_types complex_matrix_types""",
    "theano.tensor.nnet": """
        binary_crossentropy categorical_crossentropy confusion_matrix crossentropy_categorical_1hot
        crossentropy_softmax_1hot crossentropy_softmax_argmax_1hot_with_bias elu hard_sigmoid
        logsoftmax relu selu sigmoid sigmoid_binary_crossentropy softmax softmax_with_bias softplus
        softsign ultra_fast_sigmoid""",
    "theano.tensor.nlinalg": """
        alloc_diag det diag eigh extract_diag inv lstsq matrix_dot matrix_inverse matrix_power norm
        pinv qr svd tensorinv tensorsolve trace""",
    "theano.tensor.slinalg": """
        cholesky eigvalsh expm kron solve solve_lower_triangular solve_triangular
        solve_upper_triangular""",
    "theano.tensor.extra_ops": """
        bincount compress cumprod cumsum diff fill_diagonal ravel_multi_index repeat searchsorted
        squeeze to_one_hot unravel_index""",
    "theano.tensor.xlogx": "xlogx xlogy0",
    "theano.tensor.opt": "Assert assert_op",
    "theano.tensor.sharedvar": "TensorSharedVariable",
    "theano.scalar": "upcast",
    "theano.gradient": """
        DisconnectedInputError DisconnectedType GradientError Lop NullTypeGradError Rop
        consider_constant disconnected_grad grad grad_clip grad_not_implemented grad_scale
        grad_undefined hessian jacobian numeric_grad subgraph_grad undefined_grad verify_grad
        zero_grad format_as""",
    "theano.printing": "Print debugprint min_informative_str pp pprint pydotprint",
    "theano.compile": "In Mode Out Param SharedVariable function get_default_mode mode shared",
    "theano.compile.mode": "Mode get_default_mode get_mode",
    "theano.misc.pkl_utils": "dump load",
}
ORDERS = """
    scalar vector row col matrix tensor3 tensor4 tensor5 tensor6 tensor7""".split()
PLURALS = [name.replace("matrix", "matrice") + "s" for name in ORDERS]


@pytest.mark.parametrize("module", NAMES)
def test_every_name_can_be_imported(module):
    found = importlib.import_module(module.replace("theano", "symgrad"))
    missing = [name for name in NAMES[module].split() if not hasattr(found, name)]
    assert missing == []
    if module.startswith("theano.tensor."):  # and reached without an import of its own
        assert functools.reduce(getattr, module.split(".")[1:], theano) is found


@pytest.mark.parametrize("prefix", ["", *"bwilfdcz"])
def test_every_constructor(prefix):
    for one, several in zip(ORDERS, PLURALS, strict=True):
        x = getattr(T, prefix + one)("x")
        y, z = getattr(T, prefix + several)("y", "z")
        assert x.type == y.type == z.type
        assert (x.name, y.name, z.name) == ("x", "y", "z")


ARGUMENTS = """
    max x axis keepdims            | argmax x axis keepdims        | clip x min max
    any x axis keepdims            | max_and_argmax a axis keepdims
    tensordot a b axes             | batched_dot a b               | reshape x newshape ndim
    flatten x ndim outdim          | concatenate tensor_list axis
    split x splits_size n_splits axis
    tile x reps ndim               | repeat x repeats axis         | roll x shift axis
    arange start stop step dtype   | zeros shape dtype             | eye n m k dtype
    tri N M k dtype                | tril m k                      | diagonal a offset axis1 axis2
    cast x dtype                   | as_tensor_variable x name ndim | cumsum x axis
    sort a axis kind order         | argsort a axis kind order
    topk x kth axis sorted idx_dtype
    searchsorted x v side sorter   | bincount x weights minlength assert_nonneg
    diff x n axis                  | compress condition x axis     | fill_diagonal a val
    to_one_hot y nb_class dtype    | unravel_index indices dims order ndim
    nonzero a return_matrix        | take a indices axis mode      | choose a choices out mode
    set_subtensor x y inplace tolerate_inplace_aliasing            | transpose x axes
    inc_subtensor x y inplace set_instead_of_inc tolerate_inplace_aliasing
    allclose a b rtol atol equal_nan | patternbroadcast x broadcastable | specify_shape x shape
    nnet.relu x alpha              | nnet.binary_crossentropy output target
    nnet.sigmoid_binary_crossentropy output target
    nnet.categorical_crossentropy coding_dist true_dist
    nnet.confusion_matrix actual pred
    nlinalg.norm x ord             | nlinalg.matrix_power M n      | tensor dtype broadcastable name
    jacobian expression wrt consider_constant disconnected_inputs
    hessian cost wrt consider_constant disconnected_inputs
    Lop f wrt eval_points consider_constant disconnected_inputs    | Rop f wrt eval_points
    sum input axis dtype keepdims acc_dtype
    prod input axis dtype keepdims acc_dtype no_zeros_in_input
    mean input axis dtype op keepdims acc_dtype
    var input axis ddof keepdims corrected | std input axis ddof keepdims corrected
    zeros_like model dtype opt     | ones_like model dtype opt     | alloc val
    constant x name ndim dtype     | isnan a                       | isinf a
    round a mode                   | power x y                     | divmod x y
    outer x y                      | batched_tensordot x y axes    | swapaxes y axis1 axis2
    shape_padleft t n_ones         | shape_padright t n_ones       | shape_padaxis t axis
    stacklists arg                 | nnet.softmax c                | nnet.logsoftmax c
    nlinalg.qr a mode              | nlinalg.trace X               | add a b
    nlinalg.svd a full_matrices compute_uv
    TensorVariable.dot self right
    verify_grad fun pt n_tests rng eps out_type abs_tol rel_tol mode cast_to_output_type
    grad cost wrt consider_constant disconnected_inputs add_names known_grads return_disconnected \
        null_gradients
"""
LINES = ARGUMENTS.replace("\\\n", "").strip().splitlines()
ENTRIES = [e.split() for line in LINES for e in line.split("|")]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry[0])
def test_arguments_have_theanos_order_and_names(entry):
    name, *arguments = entry
    function = functools.reduce(getattr, name.split("."), T)
    found = list(inspect.signature(function).parameters)
    assert found[: len(arguments)] == arguments
    assert inspect.getfullargspec(function).args[: len(arguments)] == arguments


def test_param_is_an_in_with_its_arguments_in_theanos_order():
    x = T.fscalar("x")
    old = theano.Param(x, 1.0, "y", False, False, True)
    assert (old.name, old.value, old.allow_downcast) == ("y", 1.0, True)
    told = inspect.getfullargspec(theano.Param).args
    assert told == "variable default name mutable strict allow_downcast implicit borrow".split()


SECOND_NAMES = """
    sum input x          | prod input x         | mean input x         | var input x
    std input x          | zeros_like model x   | ones_like model x    | alloc val value
    constant x value     | nlinalg.diag x v     | isnan a x            | isinf a x
    round a x            | nlinalg.qr a x       | nlinalg.svd a x      | shape_padleft t x
    shape_padright t x   | shape_padaxis t x    | stacklists arg tensor_list
    swapaxes y x         | nnet.softmax c x     | nnet.logsoftmax c x  | power x,y a,b
    divmod x,y a,b       | outer x,y a,b        | batched_tensordot x,y a,b
    dot l,r a,b          | nlinalg.trace X x
"""
PAIRS = [e.split() for line in SECOND_NAMES.strip().splitlines() for e in line.split("|")]
REST = {"shape_padaxis": {"axis": 0}, "swapaxes": {"axis1": 0, "axis2": 1}}
REST["batched_tensordot"] = {"axes": 1}


@pytest.mark.parametrize(("name", "theanos", "ours"), PAIRS, ids=lambda entry: entry)
def test_arguments_by_theanos_names_and_by_ours(name, theanos, ours):
    function = functools.reduce(getattr, name.split("."), T)
    rest = REST.get(name, {})
    value = 2.0 if name == "alloc" else np.arange(4.0).reshape(2, 2)
    theanos, ours = theanos.split(","), ours.split(",")

    def text(*args, **kwargs):
        return str(function(*args, **kwargs, **rest))

    expected = text(*[value] * len(theanos))
    assert text(**dict.fromkeys(theanos, value)) == expected
    assert text(**dict.fromkeys(ours, value)) == expected
    both = dict.fromkeys([theanos[0], *ours], value)
    with pytest.raises(theano.GraphTypeError, match="are two names of one argument"):
        function(**both)


def public(module):
    return {
        name: thing
        for name, thing in vars(module).items()
        if callable(thing)
        and name[0] != "_"
        and str(thing.__module__).partition(".")[0] in ("symgrad", "numpy")
    }


@pytest.mark.parametrize(
    "module", [theano, theano.gradient, T, T.nnet, T.nlinalg, T.slinalg, T.extra_ops, T.opt]
)
def test_functions_tell_their_arguments(module):
    star = {"matrix_dot", "largest", "smallest"}  # which take any number of variables
    for name, function in public(module).items():
        told = inspect.getfullargspec(function)
        assert told.varkw != "kwargs", name
        assert "xp" not in told.args, name
        assert (told.varargs in ("args", None)) == (told.varargs is None or name in star), name


def test_classes_for_isinstance():
    x, w, c = T.dmatrix("x"), theano.shared(np.zeros(2)), T.constant(1.0)
    assert isinstance(x, T.TensorVariable)
    assert isinstance(x + 1, theano.Variable)
    assert isinstance(w, T.sharedvar.TensorSharedVariable)
    assert isinstance(w, theano.compile.SharedVariable)
    assert isinstance(c, T.TensorConstant)
    assert not isinstance(x, (theano.SharedVariable, theano.Constant))
    assert isinstance(x.type, T.TensorType)
    assert x.type == T.dmatrix
    assert T.TensorType("float64", (False, False), "its name") == T.dmatrix


def test_dtypes_and_their_upcast():
    assert theano.scalar.upcast("float32", "int64", np.int8) == "float64"
    assert theano.scalar.upcast("float32") == "float32"
    assert T.fscalar().dtype in T.float_dtypes
    assert T.iscalar().dtype in T.discrete_dtypes
    assert "bool" not in T.integer_dtypes
    assert set(T.integer_dtypes) == {*T.int_dtypes, *T.uint_dtypes}
    assert set(T.all_dtypes) == {*T.discrete_dtypes, *T.continuous_dtypes}
    assert T.complex_dtypes == ("complex64", "complex128")
    assert T.uint_dtypes == ("uint8", "uint16", "uint32", "uint64")
    assert T.zscalar().dtype in T.continuous_dtypes


@pytest.mark.parametrize("function", [T.sqrt, T.exp, T.log, T.nnet.sigmoid])
def test_functions_of_python_ints_are_of_floatX(function):
    assert function(2).dtype == "float64"  # an int8 by itself would give float32
    with theano.config.change_flags(floatX="float32"):
        assert function(2).dtype == "float32"
    assert function(T.bscalar()).dtype == "float32"
