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

import functools
import operator
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeVar
from weakref import ref

from symgrad.flags.bygone import DEFAULTS
from symgrad.locks import new_lock
from symgrad.quoting import quoted, repr_of

__all__ = ["change_flags", "config"]

P = ParamSpec("P")
R = TypeVar("R")

Changes = Mapping[str, Any] | Iterable[tuple[str, Any]] | None  # of flags: names and values

_TRUE, _FALSE = ("True", "true", "1"), ("False", "false", "0")
_MISSING = object()
_lock = new_lock()  # one change of flags at a time


# ---------------------------------------------------------------- what a flag and a section are
class Flag:
    """A default value, what is allowed (words, or whatever has the type of the default), and help.

    A flag without help is one that old programs set and that changes nothing here.
    """

    __slots__ = ("default", "doc", "words")

    def __init__(self, default: Any, words: tuple[str, ...], doc: str) -> None:
        self.default, self.words, self.doc = default, words, doc

    def accept(self, name: str, value: Any) -> Any:
        """Return `value` as the flag keeps it; a word or number may come as text.

        >>> Flag(4, (), "...").accept("traceback.limit", "3")
        3
        >>> Flag("low", ("low", "high"), "...").accept("exception_verbosity", "loud")
        Traceback (most recent call last):
        ...
        ValueError: config.exception_verbosity: got 'loud', expected 'low' or 'high'
        """
        if not self.doc:
            return _literal(value)
        if self.words:
            # np.float32, np.dtype("float32") and None stand for the words they print as
            word = value if isinstance(value, str) else getattr(value, "__name__", str(value))
            if word in self.words:
                return word
            *some, last = map(repr, self.words)
            expected = f"{', '.join(some)} or {last}"
        elif isinstance(self.default, bool):
            if str(value) in _TRUE or str(value) in _FALSE:
                return str(value) in _TRUE
            expected = "True or False"
        elif isinstance(self.default, int):
            try:
                return int(value) if isinstance(value, str) else operator.index(value)
            except (TypeError, ValueError):
                expected = "a whole number"
        else:
            if isinstance(value, str):
                return value
            expected = "text"
        raise ValueError(f"config.{name}: got {repr_of(value)}, expected {expected}")


class Device(Flag):
    """The device flag: anything but a CPU is answered by a warning, and ``cpu`` stays."""

    __slots__ = ()

    def accept(self, name: str, value: Any) -> Any:
        """Return ``'cpu'``, whatever was asked for."""
        if not str(value).startswith("cpu"):
            warnings.warn(
                f"config.{name}: got {repr_of(value)}, but symgrad computes on the CPU; "
                "stays 'cpu'",
                stacklevel=2,
            )
        return "cpu"


def words(allowed: str, doc: str) -> Any:
    """Declare a flag in the body of a section that takes one of some words, the default first."""
    choices = tuple(allowed.split())
    return Flag(choices[0], choices, doc)


def cpu_only(doc: str) -> Any:
    """Declare the device flag in the body of a section."""
    return Device("cpu", ("cpu",), doc)


def flag(default: bool | int | str, doc: str) -> Any:
    """Declare a flag in the body of a section that takes whatever has the type of its default."""
    return Flag(default, (), doc)


def inert(default: bool | int | str = "") -> Any:
    """Declare a flag that old programs set and that changes nothing here."""
    return Flag(default, (), "")


def _literal(value: Any) -> Any:
    """Read ``'True'``, ``'False'`` and ``'None'`` as Python does; leave the rest alone."""
    words = {"True": True, "true": True, "False": False, "false": False, "None": None}
    return words.get(value, value) if isinstance(value, str) else value


class Section:
    """A group of flags. Values are plain instance attributes; only setting one runs code."""

    _flags: ClassVar[Mapping[str, Flag]] = {}
    _sections: ClassVar[Mapping[str, type[Section]]] = {}
    _prefix: ClassVar[str] = ""

    def __init_subclass__(cls, prefix: str = "") -> None:
        """Move the declarations from the class body into tables."""
        body = dict(vars(cls))
        cls._prefix = prefix
        cls._flags = {name: f for name, f in body.items() if isinstance(f, Flag)}
        cls._sections = {name: type(s) for name, s in body.items() if isinstance(s, Section)}
        for name in (*cls._flags, *cls._sections):
            delattr(cls, name)

    def __init__(self) -> None:
        self.__dict__.update({name: f.default for name, f in self._flags.items()})
        self.__dict__.update({name: section() for name, section in self._sections.items()})

    def __setattr__(self, name: str, value: Any) -> None:
        accepted = self._accept(name, value)
        with _lock:
            self.__dict__[name] = accepted

    if not TYPE_CHECKING:  # the declared flags are all that mypy shall know

        def __getattr__(self, name: str) -> Any:
            hint = "" if name.startswith("_") else _suggest(name, self)
            raise AttributeError(f"config has no flag {repr_of(self._prefix + name)}{hint}")

    def _accept(self, name: str, value: Any) -> Any:
        """Check one value; ``ValueError`` for a bad value, ``AttributeError`` for a bad name."""
        if name in self._flags:
            return self._flags[name].accept(self._prefix + name, value)
        if name in self._sections:
            members = ", ".join(f"config.{below}" for below, _, _ in self.__dict__[name]._walk())
            raise AttributeError(
                f"config.{name} is a group of flags: set {members or 'one of them'}"
            )
        raise AttributeError(
            f"config has no flag {repr_of(self._prefix + name)}" + _suggest(name, self)
        )

    def items(self) -> Iterator[tuple[str, Any]]:
        """Yield the name, with dots, and the value of each flag.

        >>> dict(config.items())["floatX"]
        'float64'
        """
        return ((name, value) for name, _, value in self._walk())

    def _walk(self) -> Iterator[tuple[str, Flag, Any]]:
        """Yield name, declaration and value of each flag, here and below."""
        for name, declared in self._flags.items():
            yield self._prefix + name, declared, self.__dict__[name]
        for name in self._sections:
            yield from self.__dict__[name]._walk()

    def __str__(self) -> str:
        """Return a table: a star where the value is not the default, name, value, what it does."""
        rows = list(self._walk())
        used = [
            ("*" if value != f.default else " ", f"{name} = {value}", f.doc)
            for name, f, value in rows
            if f.doc
        ]
        width = max((len(text) for _, text, _ in used), default=0)
        lines = [f"{star} {text:<{width}}  {doc}" for star, text, doc in used]
        without = [name for name, f, _ in rows if not f.doc]
        whole = {f"{name}." for name, s in self._sections.items() if issubclass(s, Bygone)}
        groups = [name.partition(".")[0] + "." for name in without]
        shown = [f"{g}*" if g in whole else n for g, n in zip(groups, without, strict=True)]
        old = ", ".join(dict.fromkeys(shown))
        return "\n".join(lines) + (f"\n  accepted, without effect: {old}" if old else "")


class Bygone(Section):
    """A group of flags that only Theano had: any name is accepted, none has an effect."""

    def _accept(self, name: str, value: Any) -> Any:
        return _literal(value)


def bygone(name: str) -> Any:
    """Declare a group of flags that only Theano had, with its defaults for those who read them."""
    return _bygone(f"{name}.", DEFAULTS.get(name, {}))


def _bygone(prefix: str, defaults: Mapping[str, Any]) -> Any:
    body: dict[str, Any] = {k: Flag(v, (), "") for k, v in defaults.items() if "." not in k}
    for group in {k.partition(".")[0] for k in defaults if "." in k}:
        below = {k.partition(".")[2]: v for k, v in defaults.items() if k.startswith(f"{group}.")}
        body[group] = _bygone(f"{prefix}{group}.", below)
    return type("Bygone", (Bygone,), body, prefix=prefix)()


def _suggest(name: str, section: Section) -> str:
    """Return ``; did you mean ...?`` for a flag that does not exist, or nothing.

    >>> _suggest("floatx", config)
    "; did you mean 'floatX'?"
    """
    import difflib  # needed for a mistake only; importing it costs 2 ms

    known = {known.lower(): known for known, _, _ in section._walk()}
    close = difflib.get_close_matches((section._prefix + name).lower(), known, n=1)
    return f"; did you mean {known[close[0]]!r}?" if close else "; print(symgrad.config) lists all"


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

    def change_flags(self, values: Changes = None, **flags: Any) -> change_flags:
        """Return a context manager and decorator; see the function of that name.

        >>> with config.change_flags(on_unused_input="ignore"):
        ...     config.on_unused_input
        'ignore'
        """
        return change_flags(values, **flags)


config = Config()


# ---------------------------------------------------------------- changing them
def _find(dotted: str) -> tuple[Section, str]:
    """Return the section and the last part of a name such as ``numpy.seterr_all``."""
    section: Section = config
    *path, name = dotted.split(".")
    for part in path:
        below = section.__dict__.get(part)
        if not isinstance(below, Section):
            raise AttributeError(f"config has no flag {repr_of(dotted)}" + _suggest(dotted, config))
        section = below
    return section, name


# For each changed flag, the blocks that are open, in order, each with the value before it.
_open_blocks: dict[tuple[Section, str], list[list[Any]]] = {}


class change_flags:
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
    the block or call ends, after an exception too. Flags belong to the process: while one thread
    is inside a block, others see its values; when the last of several blocks that overlap in time
    has ended, whatever their order, the values are those from before the first.

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

    __slots__ = ("__weakref__", "_changes", "_entered")

    def __init__(self, values: Changes = None, /, **flags: Any) -> None:
        try:
            given = dict(values or {})
        except (TypeError, ValueError):
            raise TypeError(
                f"change_flags: expected a dict, pairs of names and values, or keywords, such as "
                f"change_flags(floatX='float32'), not {repr_of(values)}"
            ) from None
        found = [(*_find(name), value) for name, value in {**given, **flags}.items()]
        self._changes = [
            (section, name, section._accept(name, value)) for section, name, value in found
        ]
        self._entered: list[object] = []

    def __enter__(self) -> None:
        block = object()
        self._entered.append(block)
        try:
            with _lock:
                _end_lost_blocks()
                for section, name, value in self._changes:
                    now = section.__dict__
                    before = now.get(name, _MISSING)
                    blocks = _open_blocks.setdefault((section, name), [])
                    blocks.append([ref(self), block, before])
                    now[name] = value
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with _lock:
            block = self._entered[-1]
            for section, name, _ in self._changes:
                _end(section, name, lambda each: each[1] is block)
            self._entered.pop()

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return `function` so that each call runs with the flags changed."""

        @functools.wraps(function)
        def changed(*args: P.args, **kwargs: P.kwargs) -> R:
            block = change_flags()
            block._changes = self._changes
            with block:
                return function(*args, **kwargs)

        return changed


def _end(section: Section, name: str, ends: Callable[[list[Any]], bool]) -> None:
    """End those open blocks of a flag: the last of them gives it its old value back."""
    blocks = _open_blocks.get((section, name), [])
    for place in range(len(blocks) - 1, -1, -1):
        if not ends(blocks[place]):
            continue
        before = blocks[place][2]
        if place + 1 < len(blocks):  # a block of another thread goes on; it ends as this would
            blocks[place + 1][2] = before
        elif before is _MISSING:
            section.__dict__.pop(name, None)
        else:
            section.__dict__[name] = before
        del blocks[place]


def _end_lost_blocks() -> None:
    """End blocks whose own end was interrupted: nobody holds them any more."""
    for section, name in list(_open_blocks):
        _end(section, name, lambda each: each[0]() is None)


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
            section, name = _find(dotted.strip())
            setattr(section, name, value.strip())
        except AttributeError as error:
            warnings.warn(f"{variable}: {error}; ignored", stacklevel=2)
        except ValueError as error:
            raise ValueError(f"{variable}: {error}") from None


_read_environment("THEANO_FLAGS")
_read_environment("SYMGRAD_FLAGS")
