"""Settings: ``config``, one tree of flags, each declared on one line below.

A flag is read as an attribute (``config.floatX``), set as one (checked at once), or given before
Python starts: ``SYMGRAD_FLAGS="floatX=float32,on_unused_input=warn" python script.py``.
``THEANO_FLAGS`` is read too, so that old command lines work; where both name a flag,
``SYMGRAD_FLAGS`` wins. Flags are process-wide, not per thread.

>>> config.floatX
'float64'
>>> with config.change_flags(floatX="float32"):
...     config.floatX
'float32'
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from symgrad.flags.blocks import Block
from symgrad.flags.machinery import Bygone, Section, bygone, cpu_only, flag, inert, words
from symgrad.quoting import quoted, repr_of

__all__ = ["change_flags", "config"]

Changes = Mapping[str, Any] | Iterable[tuple[str, Any]] | None  # of flags: names and values


# ---------------------------------------------------------------- the flags
class NanGuardFlags(Section, prefix="NanGuardMode."):
    """What the NaN guard looks for."""

    nan_is_error: bool = flag(True, "the NaN guard reports NaN")
    inf_is_error: bool = flag(True, "the NaN guard reports infinities")
    big_is_error: bool = flag(True, "the NaN guard reports magnitudes above 1e10")
    action: str = words("raise warn pdb", "what the NaN guard does about what it finds")


class DebugFlags(Section, prefix="DebugMode."):
    """What the debug mode compares."""

    check_finite: bool = flag(False, "the debug mode raises at a NaN or an infinity")
    patience: int = inert(10)
    check_c: bool = inert(True)
    check_py: bool = inert(True)
    check_strides: int = inert(0)
    warn_input_not_reused: bool = inert(True)
    check_preallocated_output: str = inert()
    check_preallocated_output_ndim: int = inert(4)


class NumpyFlags(Section, prefix="numpy."):
    """NumPy's floating-point warnings during a call."""

    seterr_all: str = words("ignore warn raise print None", "np.seterr(all=...) during calls")
    seterr_divide: str = words("None ignore warn raise print", "... for divisions by zero")
    seterr_over: str = words("None ignore warn raise print", "... for overflow")
    seterr_under: str = words("None ignore warn raise print", "... for underflow")
    seterr_invalid: str = words("None ignore warn raise print", "... for invalid operations")


class ProfilingFlags(Section, prefix="profiling."):
    """What a profile shows."""

    n_apply: int = flag(20, "how many steps a profile lists")
    n_ops: int = flag(20, "how many lines of your program, and operations, a profile lists")
    output_line_width: int = flag(100, "where a profile's lines are cut")
    min_memory_size: int = flag(1024, "the smallest result that profile_memory lists, in bytes")
    destination: str = flag("stderr", "where a profile goes: stderr, stdout or a file's name")
    time_thunks: bool = inert(True)
    min_peak_memory: bool = inert(False)
    debugprint: bool = inert(False)
    ignore_first_call: bool = inert(False)


class ScanFlags(Section, prefix="scan."):
    """Settings of loops."""

    allow_gc: bool = inert(False)
    allow_output_prealloc: bool = inert(True)
    debug: bool = inert(False)


class TracebackFlags(Section, prefix="traceback."):
    """How much of the user's stack a node remembers."""

    limit: int = flag(4, "how many of the user's frames a node keeps for messages")
    compile_limit: int = inert(0)


class StressFlags(Section, prefix="stress."):
    """Settings for developers, under which faults of memory and of fast paths show.

    Each is read when a function is compiled or meets new lengths. The defaults of the sizes are
    what was measured to be fastest; with 1 the path that is meant for large arrays is always taken.
    """

    block: int = flag(0, "for developers: elements of a block of a chain; 0: as many as measured")
    chain: int = flag(6, "... additions an element from which neighbours become a chain")
    threads: int = flag(131072, "... elements from which a chain runs on several threads")
    gemm: int = flag(262144, "... bytes of a result from which BLAS adds products to it itself")
    rows: int = flag(33, "... columns from which row losses are reduced, not multiplied by ones")
    fill: bool = flag(False, "... free memory is filled with NaN, or the largest integer")
    reuse: str = words("default never always", "... whether memory is used a second time")
    prove: bool = flag(False, "... steps assert that what they write is free and large enough")

    @property
    def on(self) -> bool:
        """Whether programs are compiled with anything added to them."""
        return self.prove or self.fill or self.reuse == "never"


class Config(Section):
    """All flags; the one instance is ``symgrad.config``."""

    floatX: str = words("float64 float32 float16", "dtype of T.matrix() and its kin")
    mode: str = words(
        "FAST_RUN FAST_COMPILE Mode nan-guard NanGuardMode debug DebugMode DEBUG_MODE MonitorMode",
        "how functions are compiled where mode= is not given",
    )
    optimizer: str = words(
        "o4 o3 o2 o1 fast_run fast_compile stabilize unsafe merge None",
        "how much expressions are rewritten",
    )
    optimizer_including: str = flag("", "no effect yet: rewrites to add, joined by colons")
    optimizer_excluding: str = flag("", "no effect yet: rewrites to leave out, joined by colons")
    optimizer_requiring: str = flag("", "no effect yet: rewrites to insist on, joined by colons")
    on_opt_error: str = words(
        "warn raise pdb ignore", "no effect yet: what to do when a rewrite fails"
    )
    on_unused_input: str = words("raise warn ignore", "what to do about an unused input")
    device: str = cpu_only("where to compute: cpu")
    threads: int = flag(
        0, "threads for elementwise work on large arrays; 0: OMP_NUM_THREADS, or one for each core"
    )
    deterministic: str = words(
        "default more", "more: BLAS on one thread, so that bits depend on no number of threads"
    )
    cast_policy: str = words(
        "custom numpy+floatX", "no effect yet: how Python numbers become constants"
    )
    int_division: str = words(
        "int floatX raise", "no effect: / is a true division, as in Theano on Python 3"
    )
    warn_float64: str = words(
        "ignore warn raise pdb", "no effect yet: what to do about float64 expressions"
    )
    compute_test_value: str = words(
        "off ignore warn raise pdb", "no effect yet: compute while building"
    )
    compute_test_value_opt: str = words(
        "off ignore warn raise pdb", "no effect yet: ... while rewriting"
    )
    print_test_value: bool = flag(
        False, "no effect yet: show test values where expressions are printed"
    )
    exception_verbosity: str = words(
        "low high", "no effect yet: how much an error during a call tells"
    )
    profile: bool = flag(False, "time every step of functions, print the tables when Python ends")
    profile_memory: bool = flag(False, "show in profiles what memory a call needs, too")
    profile_optimizer: bool = flag(False, "no effect yet: time single rewrites while profiling")
    allow_gc: bool = flag(True, "no effect yet: free temporaries as soon as nothing needs them")

    NanGuardMode: NanGuardFlags = NanGuardFlags()
    DebugMode: DebugFlags = DebugFlags()
    numpy: NumpyFlags = NumpyFlags()
    profiling: ProfilingFlags = ProfilingFlags()
    scan: ScanFlags = ScanFlags()
    stress: StressFlags = StressFlags()
    traceback: TracebackFlags = TracebackFlags()

    # Theano's compiler, its GPU and its past: accepted so that old programs and command lines run.
    linker: str = inert("cvm")
    openmp: bool = inert(False)
    openmp_elemwise_minsize: int = inert(200_000)
    cxx: str = inert()
    base_compiledir: str = inert()
    compiledir: str = inert()
    compiledir_format: str = inert()
    force_device: bool = inert(False)
    init_gpu_device: str = inert()
    print_active_device: bool = inert(True)
    print_global_stats: bool = inert(False)
    contexts: str = inert()
    assert_no_cpu_op: str = inert("ignore")
    unpickle_function: bool = inert(True)
    reoptimize_unpickled_function: bool = inert(False)
    pickle_test_value: bool = inert(True)
    optimizer_verbose: bool = inert(False)
    optimizer_verbose_ignore: str = inert()
    on_shape_error: str = inert("warn")
    check_input: bool = inert(True)
    check_stack_trace: str = inert("off")
    cycle_detection: str = inert("regular")
    nocleanup: bool = inert(False)
    lazylinker: Bygone = bygone("lazylinker")
    vm: Bygone = bygone("vm")
    warn: Bygone = bygone("warn")
    blas: Bygone = bygone("blas")
    cmodule: Bygone = bygone("cmodule")
    compile: Bygone = bygone("compile")
    conv: Bygone = bygone("conv")
    ctc: Bygone = bygone("ctc")
    cublas: Bygone = bygone("cublas")
    cuda: Bygone = bygone("cuda")
    dnn: Bygone = bygone("dnn")
    experimental: Bygone = bygone("experimental")
    gcc: Bygone = bygone("gcc")
    gpu: Bygone = bygone("gpu")
    gpuarray: Bygone = bygone("gpuarray")
    gpuelemwise: Bygone = bygone("gpuelemwise")
    lib: Bygone = bygone("lib")
    magma: Bygone = bygone("magma")
    metaopt: Bygone = bygone("metaopt")
    nvcc: Bygone = bygone("nvcc")
    optdb: Bygone = bygone("optdb")
    pycuda: Bygone = bygone("pycuda")
    tensor: Bygone = bygone("tensor")
    unittests: Bygone = bygone("unittests")

    def change_flags(self, values: Changes = None, /, **flags: Any) -> Block:
        """Change flags for a while, as a context manager or as a decorator.

        Parameters
        ----------
        values
            A mapping from names to values, for names with a dot; or pairs of them.
        **flags
            Names and values. In a name, as in ``values``, a dot stands between section and flag.

        Notes
        -----
        All names and values are checked before the first one changes. The old values come back when
        the block or call ends, after an exception too. Flags belong to the process: while one
        thread is inside a block, others see its values; when the last of several blocks that
        overlap in time has ended, whatever their order, the values are those from before the first.

        Examples
        --------
        >>> @change_flags(floatX="float32")
        ... def default_dtype():
        ...     return config.floatX
        >>> default_dtype(), config.floatX
        ('float32', 'float64')
        >>> with change_flags({"traceback.limit": 1}):
        ...     config.traceback.limit
        1
        """
        try:
            given = dict(values or {})
        except (TypeError, ValueError):
            raise TypeError(
                f"change_flags: expected a dict, pairs of names and values, or keywords, such as "
                f"change_flags(floatX='float32'), not {repr_of(values)}"
            ) from None
        found = [(*self._find(name), value) for name, value in {**given, **flags}.items()]
        return Block(
            [(section, name, section._accept(name, value)) for section, name, value in found]
        )


config = Config()
change_flags = config.change_flags


# ---------------------------------------------------------------- the environment
def _read_environment(variable: str) -> None:
    """Set the flags named in an environment variable, ``"floatX=float32,device=cpu"``.

    A value may be quoted to hold a comma or a space. An unknown flag warns, a bad value raises.
    """
    text = os.environ.get(variable, "")
    if not text.strip():
        return
    import shlex

    words = shlex.shlex(text, posix=True)
    words.whitespace += ","
    words.whitespace_split, words.commenters, words.escape = True, "", ""
    try:
        pairs = [word.partition("=") for word in words]
    except ValueError as error:
        raise ValueError(f"{variable}={repr_of(text)}: {error}") from None
    for dotted, equals, value in pairs:
        try:
            if not equals:
                raise AttributeError(f"{repr_of(dotted)} has no value; write {quoted(dotted)}=...")
            section, name = config._find(dotted.strip())
            setattr(section, name, value.strip())
        except AttributeError as error:
            warnings.warn(f"{variable}: {error}; ignored", stacklevel=2)
        except ValueError as error:
            raise ValueError(f"{variable}: {error}") from None


_read_environment("THEANO_FLAGS")
_read_environment("SYMGRAD_FLAGS")
