"""More rows: the rest of the vocabulary, each seldom."""

from __future__ import annotations

from tests.fuzz.table import row

# fmt: off

# -- elementwise ---------------------------------------------------------------------------------

row("erfcinv", "T.erfcinv(1 - T.tanh(A) * 0.5)", None, "f", weight=0.1)
row("gammaincc", "T.gammaincc(T.exp(A), T.exp(B))", None, "f", "~f", weight=0.1)
row("chi2sf", "T.chi2sf(T.exp(A), T.exp(B))", None, "f", "~f", weight=0.1)
row("polygamma", "T.polygamma(1, A)", None, "f", weight=0.1)
row("divmod", "T.divmod(A, B)[{k}]", "np.divmod(*P(A, B))[{k}]", "r", "~r", exact=True, weight=0.2,
    settings=lambda r, A: {"k": r.pick(0, 1)})
row("ceil_intdiv", "T.ceil_intdiv(A, {c})", "-np.floor_divide(-A, W({c}, A))", "@small", exact=True,
    weight=0.2, settings=lambda r, A: {"c": r.pick(2, 3)})
row("largest", "T.largest(A, B, C)", "np.maximum(np.maximum(*P(A, B, C)[:2]), P(A, B, C)[2])",
    "f", "~f", "~f", exact=True, weight=0.2)
row("smallest", "T.smallest(A, B, C)", "np.minimum(np.minimum(*P(A, B, C)[:2]), P(A, B, C)[2])",
    "f", "~f", "~f", exact=True, weight=0.2)
row("iround", "T.iround(A)", "np.rint(A).astype('int64')", "@finite", exact=True, weight=0.2)
row("complex", "T.complex(A, B)", "(lambda a, b: a + 1j * b)(*P(A, B))", "@finite", "@finite_too",
    exact=True, weight=0.2)
row("complex_from_polar", "T.complex_from_polar(A, B)",
    "(lambda a, b: a * np.cos(b) + 1j * (a * np.sin(b)))(*P(A, B))", "@finite", "@finite_too",
    weight=0.2)
row("add_four", "T.add(A, B, C, A)",
    "P(A, B, C)[0] + P(A, B, C)[1] + P(A, B, C)[2] + P(A, B, C)[0]",
    "f", "~f", "~f", weight=0.3)
row("isclose_equal_nan", "T.isclose(A, B, equal_nan=True)", "np.isclose(*P(A, B), equal_nan=True)",
    "f", "~f", exact=True, weight=0.2)
row("allclose", "T.allclose(A, B)", "np.asarray(np.allclose(*P(A, B)))", "f", "~f", exact=True,
    weight=0.2)
row("zero_grad", "S.gradient.zero_grad(A)", "A.copy()", "f", exact=True, flat=True, weight=0.2)
row("disconnected_grad", "S.gradient.disconnected_grad(A)", "A.copy()", "f", exact=True, flat=True,
    weight=0.2)
row("grad_clip", "S.gradient.grad_clip(A, -0.5, 0.5)", "A.copy()", "f", exact=True, flat=True,
    weight=0.2)
row("grad_scale", "S.gradient.grad_scale(A, 0.5)", "A.copy()", "f", exact=True, flat=True,
    weight=0.2)
row("assert", "T.opt.Assert()(A, T.eq(A.ndim, {n}))", "A.copy()", "f", exact=True, weight=0.2,
    settings=lambda r, A: {"n": A.ndim})

row("erfcx", "T.erfcx(A)", None, "f", weight=0.2)
row("log_one_minus_exp", "T.log(1 - T.exp(A))",
    "np.where(A > -0.69, np.log(-np.expm1(A)), np.log1p(-np.exp(A)))", "f", weight=0.4, stable=True)
row("log_erfc", "T.log(T.erfc(A))", "special('log_erfc', A)", "f", weight=0.2, accuracy=16,
    stable=True)
row("mixture",
    "T.log(T.nnet.sigmoid(B) * T.nnet.sigmoid(A)"
    " + (1 - T.nnet.sigmoid(B)) * (1 - T.nnet.sigmoid(A)))",
    "(lambda a, b: np.logaddexp(-softplus(-a) - softplus(-b), -softplus(a) - softplus(b)))"
    "(A, B)",  # each in its own dtype
    "@finite", "@finite_too", weight=0.3, accuracy=8, stable=True)
row("norm_3", "T.norm(A, {p}, axis={axis})",
    "sum(np.abs(A) ** W({p}, A), {axis}) ** W(1 / {p}, A)", "@finite_vector", weight=0.3,
    accuracy=16,
    settings=lambda r, A: {"p": r.pick(1.5, 3.0, 4.0), "axis": r.given_axis(A)})

# -- shapes --------------------------------------------------------------------------------------

row("broadcast_arrays", "T.broadcast_arrays(A, B)[{k}]",
    "np.broadcast_arrays(A, B)[{k}].copy()", "f", "~f", exact=True, weight=0.3,
    settings=lambda r, A: {"k": r.pick(0, 1)})
row("specify_shape", "T.specify_shape(A, {shape})", "A.copy()", "f", exact=True, weight=0.3,
    settings=lambda r, A: {"shape": tuple(n if r.coin(0.7) else None for n in A.shape)})
row("addbroadcast", "T.addbroadcast(A[:1], 0)", "A[:1]", "f1+!", exact=True, weight=0.3)
row("unbroadcast", "T.unbroadcast(A[:1], 0)", "A[:1]", "f1+!", exact=True, weight=0.2)
row("atleast_1d", "T.atleast_1d(A)", "np.atleast_1d(A)", "a", exact=True, weight=0.2)
row("atleast_2d", "T.atleast_2d(A)", "np.atleast_2d(A)", "a", exact=True, weight=0.2)
row("atleast_3d", "T.atleast_3d(A)", "np.atleast_3d(A)", "a", exact=True, weight=0.2)
row("expand_dims", "T.expand_dims(A, {axis})", "np.expand_dims(A, {axis})", "a", exact=True,
    weight=0.3, settings=lambda r, A: {"axis": r.pick(0, -1, A.ndim)})
row("shape_padaxis", "T.shape_padaxis(A, {axis})", "np.expand_dims(A, {axis})", "a", exact=True,
    weight=0.2, settings=lambda r, A: {"axis": r.pick(0, A.ndim)})
row("rollaxis", "T.rollaxis(A, {axis})", "np.rollaxis(A, {axis})", "f1+", exact=True, weight=0.2,
    settings=lambda r, A: {"axis": r.given_axis(A)})
row("fliplr", "T.fliplr(A)", "np.fliplr(A)", "f2+", exact=True, weight=0.2)
row("flipud", "T.flipud(A)", "np.flipud(A)", "f1+", exact=True, weight=0.2)
row("hstack", "T.hstack([A, B])", "np.hstack(P(A, B))", "f1+", "=f", exact=True, weight=0.3)
row("vstack", "T.vstack([A, B])", "np.vstack(P(A, B))", "f2+", "=f", exact=True, weight=0.3)
row("join", "T.join(1, A, B)", "np.concatenate(P(A, B), axis=1)", "f2+", "=f", exact=True,
    weight=0.3)
row("stacklists", "T.stacklists([[A, B], [B, A]])",
    "np.stack([np.stack(P(A, B)), np.stack(P(B, A))])",
    "f1", "=f", exact=True, weight=0.2)
row("full_like", "T.full_like(A, {c})", "np.full(A.shape, {c}, A.dtype)", "f", exact=True,
    weight=0.2, settings=lambda r, A: {"c": r.pick(0, 1.5)})
row("full", "T.full((A.shape[0], 2), {c}) * T.sum(A)",
    "np.full((A.shape[0], 2), {c}, floatX()) * sum(A)", "f1+", weight=0.2, accuracy=4,
    settings=lambda r, A: {"c": r.pick(1.0, 1.5)})
row("identity_like", "T.identity_like(A)", "np.eye(*A.shape, dtype=A.dtype)", "f2", exact=True,
    weight=0.2)
row("tri", "T.tri(A.shape[0], {n}, {k})", "np.tri(A.shape[0], {n}, {k}, dtype=floatX())", "f1+",
    exact=True, weight=0.2, settings=lambda r, A: {"n": r.pick(1, 3), "k": r.pick(0, 1, -1)})
row("linspace", "T.linspace(A, B, 5)", "np.linspace(*P(A, B), 5, dtype=P(A, B)[0].dtype)",
    "@scalar",
    "@scalar", weight=0.2, accuracy=4)
row("meshgrid", "T.meshgrid(A, B)[{k}]", "np.meshgrid(A, B)[{k}].copy()", "f1", "f1", exact=True,
    weight=0.2, settings=lambda r, A: {"k": r.pick(0, 1)})
row("diagonal", "T.diagonal(A, {k})", "np.diagonal(A, {k})", "f2+!", exact=True, weight=0.3,
    settings=lambda r, A: {"k": r.pick(0, 1, -1)})
row("alloc_diag", "T.alloc_diag(A)", "np.diag(A)", "f1", exact=True, weight=0.2)
row("repeat_each", "T.repeat(A, B, axis=0)", "np.repeat(A, B, axis=0)", "f1+", "@counts",
    exact=True,
    weight=0.3)
row("shape_vector", "T.shape(A)[{k}:]", "np.array(A.shape[{k}:], 'int64')", "a1+", exact=True,
    weight=0.2, settings=lambda r, A: {"k": r.pick(0, 1)})
row("join_scalars", "T.stack([A, B, 2.])", "np.stack([*P(A, B), W(2., P(A, B)[0])])", "@scalar",
    "@scalar", exact=True, weight=0.3)
row("by_lengths", "A / A.shape[0]", "np.divide(*D(A, np.array(A.shape[0])))", "f1+!", weight=0.5)
row("lengths", "A.shape[0] * A.shape[-1] - {n}", "np.array(A.shape[0] * A.shape[-1] - {n})", "f1+",
    exact=True, weight=0.3, settings=lambda r, A: {"n": r.pick(1, 2, 20)})
row("length_cast", "T.cast(A.shape[0] - {n}, {dtype!r})",
    "np.array(A.shape[0] - {n}).astype({dtype!r})",
    "f1+", exact=True, weight=0.3,
    settings=lambda r, A: {"n": r.pick(1, 20), "dtype": r.pick("uint8", "int8", "int32",
    "float32")})
row("halves", "A[A.shape[0] // 2:]", "A[A.shape[0] // 2:]", "f1+", exact=True, weight=0.4)
row("reshape_halves", "A.reshape((A.shape[0] * A.shape[1], -1))",
    "A.reshape((A.shape[0] * A.shape[1], -1))", "f2+!", exact=True, weight=0.3)

# -- indices -------------------------------------------------------------------------------------

row("argwhere", "T.argwhere(A > 0)", "np.argwhere(A > 0)", "f1+", exact=True, weight=0.2)
row("flatnonzero", "T.flatnonzero(A > 0)", "np.flatnonzero(A > 0)", "f1+", exact=True, weight=0.2)
row("nonzero_values", "T.nonzero_values(A)", "A[np.nonzero(A)]", "f1+", exact=True,
    flat=True, weight=0.2)
row("max_and_argmax", "T.max_and_argmax(A, axis={axis})[{k}]",
    "np.asarray((np.max, np.argmax)[{k}](A, axis={axis}))", "f1+!", exact=True, weight=0.3,
    settings=lambda r, A: {"axis": r.given_axis(A), "k": r.pick(0, 1)})
row("argtopk", "T.argtopk(A, {k}, axis=-1).shape[-1]", "np.array({k})", "f1+!", exact=True,
    weight=0.1, settings=lambda r, A: {"k": 1})
row("sorted_by", "A[T.argsort(A, kind='stable')]", "A[np.argsort(A, kind='stable')]", "f1",
    exact=True, weight=0.3)
row("inverse_permutation", "T.inverse_permutation(T.argsort(A, kind='stable'))",
    "np.argsort(np.argsort(A, kind='stable'), kind='stable')", "f1", exact=True, weight=0.2)
row("ravel_multi_index", "T.ravel_multi_index((A, A), (5, 5))",
    "np.ravel_multi_index((A, A), (5, 5))",
    "@small", exact=True, weight=0.2)
row("unravel_index", "T.unravel_index(A, (2, 3))[{k}]", "np.unravel_index(A, (2, 3))[{k}]",
    "@small",
    exact=True, weight=0.2, settings=lambda r, A: {"k": r.pick(0, 1)})
row("unique_counts", "T.unique(A, return_counts=True)[1]", "np.unique(A, return_counts=True)[1]",
    "i", exact=True, weight=0.2)
row("fill_diagonal_offset", "T.fill_diagonal_offset(A, 2., {k})",
    "np.where(np.eye(*A.shape, k={k}, dtype=bool), W(2., A), A)", "f2!", exact=True, weight=0.2,
    settings=lambda r, A: {"k": r.pick(0, 1)})
row("inc_of_slice", "T.inc_subtensor(A[1:][:1], 2.)", "inc(A[1:], np.s_[:1], W(2., A))", "f1+",
    weight=0.4)
row("set_in_set", "T.set_subtensor(T.set_subtensor(A[:2], 1.)[1:], 3.)",
    "inc(inc(A, np.s_[:2], W(1., A), True), np.s_[1:], W(3., A), True)", "f1+", exact=True,
    weight=0.4)
row("inc_of_vector_of_columns", "T.inc_subtensor(A[:, B], 1.5)",
    "inc(A, (slice(None), B), W(1.5, A))",
    "f2+!", "@column_positions", weight=0.4, accuracy=4)

# -- nnet, products ------------------------------------------------------------------------------

row("softmax_with_bias", "T.nnet.softmax_with_bias(A, B)", "softmax(np.add(*P(A, B)), -1)", "f2!",
    "@line", weight=0.4, accuracy=4)
row("crossentropy_softmax_argmax",
    "T.nnet.crossentropy_softmax_argmax_1hot_with_bias(A, B, C)[0]",
    "-logsoftmax(np.add(*P(A, B)), -1)[np.arange(len(C)), C]", "f2!", "@line", "@labels",
    weight=0.3,
    accuracy=4, stable=True)
row("crossentropy_1hot", "T.nnet.crossentropy_categorical_1hot(T.nnet.softmax(A), B)",
    "-logsoftmax(A, -1)[np.arange(len(B)), B]", "f2!", "@labels", weight=0.3, accuracy=4,
    stable=True)
row("prepend_1", "T.nnet.prepend_1_to_each_row(A)",
    "np.concatenate([np.ones((len(A), 1), A.dtype), A], axis=1)", "f2", exact=True, weight=0.2)
row("confusion_matrix", "T.nnet.confusion_matrix(A, A)[0]",
    "np.diag(np.unique(A, return_counts=True)[1])", "@small", exact=True, weight=0.2)
row("batched_tensordot", "T.batched_tensordot(A, B, axes=[[2], [1]])", "matmul(*P(A, B))", "f3",
    "@batch", weight=0.3, accuracy=8)
row("vdot", "T.vdot(A, B)", "dot(*P(A, B))", "f1", "=f", weight=0.2, accuracy=8)
row("matrix_dot", "T.nlinalg.matrix_dot(A, B, A.T)", "dot(*P(dot(*P(A, B)), A.T))", "f2",
    "@columns_square",
    weight=0.3, accuracy=16)
row("multi_dot", "T.nlinalg.multi_dot([A, B, B])", "dot(*P(dot(*P(A, B)), B))", "f2",
    "@columns_square", weight=0.2, accuracy=16)
row("momentum", "A - 0.1 * T.dot(B.T, T.dot(B, A) - C)",
    "np.subtract(*P(A, W(0.1, A) * dot(*P(B.T, "
    "np.subtract(*P(dot(*P(B, A)), C))))))", "f2", "@left2", "@product", weight=0.6, accuracy=32)
row("quadratic", "T.sum(A * T.dot(B, A))", "sum(np.multiply(*P(A, dot(*P(B, A)))))", "f1",
    "@rows_square", weight=0.4, accuracy=32)
row("distance", "T.sum((A[:, None] - B[None]) ** 2, axis=-1)",
    "sum(np.square(np.subtract(*P(A[:, None], B[None]))), -1)", "f2", "@columns2", weight=0.4,
    accuracy=8)
row("normalised", "(A - A.mean(axis=0)) / T.sqrt(A.var(axis=0) + 1e-4)",
    "(A - mean(A, 0)) / np.sqrt(var(A, 0) + W(1e-4, A))", "f2!", weight=0.6, accuracy=16)
row("mean_square", "T.mean((A - B) ** 2)", "mean(np.square(np.subtract(*P(A, B))))", "f1+!", "~f",
    weight=0.6, accuracy=8)
row("weighted_mean", "T.sum(A * B) / T.sum(B)", "np.divide(*P(sum(np.multiply(*P(A, B))), sum(B)))",
    "f1+!", "=f", weight=0.4, accuracy=16)
LAPACK = {"weight": 0.15, "accuracy": 64.0, "group": "linalg"}
row("eig", "T.sort(T.real(T.nlinalg.eig(A)[0]))", "np.sort(np.real(np.linalg.eigvals(L(A))))",
    "@definite", **LAPACK)
row("lstsq", "T.nlinalg.lstsq(A, B)[0]", "np.linalg.lstsq(L(A), L(B), rcond=None)[0]", "@regular",
    "@rhs", **LAPACK)
row("eigvalsh", "T.slinalg.eigvalsh(A)", "np.linalg.eigvalsh(L(A))", "@definite", **LAPACK)
row("solve_symmetric", "T.slinalg.solve_symmetric(A, B)", "np.linalg.solve(upper(L(A)), L(B))",
    "@definite",
    "@rhs", **LAPACK)
row("solve_upper", "T.slinalg.solve_upper_triangular(A, B)", "np.linalg.solve(L(np.triu(A)), L(B))",
    "@regular", "@rhs", **LAPACK)
row("tensorinv", "T.nlinalg.tensorinv(A, 1)", "np.linalg.inv(L(A))", "@regular", **LAPACK)
