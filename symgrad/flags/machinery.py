"""What a flag and a group of flags are: how they are declared, checked, found and shown."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from symgrad.flags.bygone import DEFAULTS
from symgrad.locks import new_lock
from symgrad.quoting import repr_of

_TRUE, _FALSE = ("True", "true", "1"), ("False", "false", "0")
lock = new_lock()  # one change of flags at a time


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
        with lock:
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

    def _find(self, dotted: str) -> tuple[Section, str]:
        """Return the section and the last part of a name such as ``numpy.seterr_all``."""
        section = self
        *path, name = dotted.split(".")
        for part in path:
            below = section.__dict__.get(part)
            if not isinstance(below, Section):
                hint = _suggest(dotted, self)
                raise AttributeError(f"config has no flag {repr_of(dotted)}{hint}")
            section = below
        return section, name

    def items(self) -> Iterator[tuple[str, Any]]:
        """Yield the name, with dots, and the value of each flag.

        >>> from symgrad.flags import config
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

    >>> from symgrad.flags import config
    >>> _suggest("floatx", config)
    "; did you mean 'floatX'?"
    """
    import difflib  # needed for a mistake only; importing it costs 2 ms

    known = {known.lower(): known for known, _, _ in section._walk()}
    close = difflib.get_close_matches((section._prefix + name).lower(), known, n=1)
    return f"; did you mean {known[close[0]]!r}?" if close else "; print(symgrad.config) lists all"
