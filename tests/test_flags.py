"""Flags: values and names are checked, old names pass, the environment is read, changes end."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from symgrad.flags import Config, change_flags, config

ROOT = Path(__file__).resolve().parents[1]


# --------------------------------------------------------------------------------------- values
def test_defaults() -> None:
    fresh = Config()
    assert fresh.floatX == "float64"
    assert fresh.on_unused_input == "raise"
    assert fresh.device == "cpu"
    assert fresh.numpy.seterr_all == "ignore"
    assert fresh.NanGuardMode.nan_is_error is True


@pytest.mark.parametrize("value", ["float32", np.float32, np.dtype("float32")])
def test_floatX_takes_a_dtype_in_any_form(value: object) -> None:
    fresh = Config()
    fresh.floatX = value  # type: ignore[assignment]
    assert fresh.floatX == "float32"
    assert type(fresh.floatX) is str


@pytest.mark.parametrize("value", ["float8", "Float32", "", 32, None, np.int32])
def test_a_bad_word_names_what_was_given_and_what_is_allowed(value: object) -> None:
    fresh = Config()
    with pytest.raises(ValueError, match="expected 'float64', 'float32' or 'float16'") as caught:
        fresh.floatX = value  # type: ignore[assignment]
    assert f"config.floatX: got {value!r}" in str(caught.value)
    assert fresh.floatX == "float64"


@pytest.mark.parametrize(
    ("given", "kept"),
    [(True, True), ("True", True), ("0", False), (1, True), ("false", False), (np.True_, True)],
)
def test_switches(given: object, kept: bool) -> None:
    fresh = Config()
    fresh.profile = given  # type: ignore[assignment]
    assert fresh.profile is kept


@pytest.mark.parametrize("given", ["maybe", 2, None, "", 0.5])
def test_bad_switches(given: object) -> None:
    with pytest.raises(ValueError, match=r"config\.profile: got .*, expected True or False"):
        Config().profile = given  # type: ignore[assignment]


@pytest.mark.parametrize("given", ["many", 2.5, None])
def test_bad_numbers(given: object) -> None:
    with pytest.raises(ValueError, match=r"config\.traceback\.limit: got .*a whole number"):
        Config().traceback.limit = given  # type: ignore[assignment]


def test_numbers_and_text() -> None:
    fresh = Config()
    fresh.traceback.limit = np.int64(3)  # type: ignore[assignment]
    fresh.profiling.destination = "profile.txt"
    assert (fresh.traceback.limit, fresh.profiling.destination) == (3, "profile.txt")
    with pytest.raises(ValueError, match="expected text"):
        fresh.profiling.destination = 3  # type: ignore[assignment]


def test_None_where_it_is_a_word() -> None:
    fresh = Config()
    fresh.optimizer = None  # type: ignore[assignment]
    assert fresh.optimizer == "None"


@pytest.mark.parametrize("device", ["gpu", "cuda0", "opencl0:1"])
def test_a_device_other_than_the_cpu_warns(device: str) -> None:
    fresh = Config()
    with pytest.warns(UserWarning, match=f"'{device}', but symgrad computes on the CPU"):
        fresh.device = device
    assert fresh.device == "cpu"


# ---------------------------------------------------------------------------------------- names
@pytest.mark.parametrize(
    ("wrong", "right"),
    [("floatx", "floatX"), ("on_unused_inputs", "on_unused_input"), ("devise", "device")],
)
def test_an_unknown_flag_suggests(wrong: str, right: str) -> None:
    with pytest.raises(AttributeError, match=f"no flag '{wrong}'; did you mean '{right}'"):
        setattr(Config(), wrong, "x")
    with pytest.raises(AttributeError, match=f"no flag '{wrong}'; did you mean '{right}'"):
        getattr(Config(), wrong)


def test_an_unknown_flag_in_a_group_suggests() -> None:
    with pytest.raises(AttributeError, match=r"did you mean 'NanGuardMode\.nan_is_error'"):
        Config().NanGuardMode.nan_is_eror = False


def test_a_name_like_nothing_says_where_all_are_listed() -> None:
    with pytest.raises(AttributeError, match="print"):
        Config().zzzzzzzz = 1


def test_a_group_is_not_overwritten() -> None:
    with pytest.raises(AttributeError, match=r"group of flags: set config\.scan\.allow_gc"):
        Config().scan = True  # type: ignore[assignment]


def test_an_unknown_flag_is_not_there() -> None:
    assert not hasattr(config, "floatx")
    assert not hasattr(config.warn, "never_set")


def test_old_names_pass_in_silence() -> None:
    fresh = Config()
    fresh.warn.subtensor_merge_bug = False
    fresh.gcc.cxxflags = "-O3"
    fresh.blas.ldflags = ""
    fresh.cxx = "/usr/bin/g++"
    fresh.linker = "cvm_nogc"
    assert fresh.warn.subtensor_merge_bug is False  # type: ignore[attr-defined]
    assert fresh.linker == "cvm_nogc"


def test_two_configs_share_nothing() -> None:
    one, two = Config(), Config()
    one.traceback.limit = 1
    assert two.traceback.limit == 4


# --------------------------------------------------------------------------------------- changes
def test_change_ends_with_the_block_after_an_exception_too() -> None:
    with pytest.raises(KeyError), config.change_flags(floatX="float32"):
        assert config.floatX == "float32"
        raise KeyError
    assert config.floatX == "float64"


def test_changes_nest() -> None:
    change = change_flags(floatX="float32")
    with change:
        with change_flags(floatX="float16"):
            assert config.floatX == "float16"
            with change:
                assert config.floatX == "float32"
            assert config.floatX == "float16"
        assert config.floatX == "float32"
    assert config.floatX == "float64"


def test_change_as_decorator_that_calls_itself() -> None:
    @config.change_flags(floatX="float32")
    def dtypes(depth: int) -> list[str]:
        """Say it."""
        return [config.floatX, *(dtypes(depth - 1) if depth else [])]

    assert dtypes(2) == ["float32"] * 3
    assert config.floatX == "float64"
    assert (dtypes.__name__, dtypes.__doc__) == (
        "dtypes",
        (None if sys.flags.optimize > 1 else "Say it."),
    )


def test_nothing_changes_when_one_value_is_bad() -> None:
    with pytest.raises(ValueError, match="on_unused_input"):
        change_flags(floatX="float32", on_unused_input="shout")
    with pytest.raises(AttributeError, match="did you mean"):
        change_flags(floatX="float32", on_unused_inptu="warn")
    assert config.floatX == "float64"


def test_change_by_dotted_name() -> None:
    with change_flags({"numpy.seterr_all": "raise", "warn.anything": 1}, floatX="float32"):
        assert (config.numpy.seterr_all, config.floatX) == ("raise", "float32")
    assert config.numpy.seterr_all == "ignore"
    assert not hasattr(config.warn, "anything")
    with pytest.raises(AttributeError, match=r"no flag 'numppy\.seterr_all'; did you mean"):
        change_flags({"numppy.seterr_all": "raise"})


@pytest.mark.parametrize("first_in", ["first out", "last out"])
def test_blocks_that_overlap_in_time_leave_nothing_behind(first_in: str) -> None:
    one, two = change_flags(floatX="float32"), change_flags(floatX="float16")
    one.__enter__()
    two.__enter__()
    if first_in == "first out":
        one.__exit__(None, None, None)
        assert config.floatX == "float16"
        two.__exit__(None, None, None)
    else:
        two.__exit__(None, None, None)
        assert config.floatX == "float32"
        one.__exit__(None, None, None)
    assert config.floatX == "float64"


def test_a_decorated_function_in_many_threads() -> None:
    together = threading.Barrier(8)
    seen = []

    @change_flags(floatX="float32")
    def work() -> None:
        together.wait(timeout=30)
        seen.append(config.floatX)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["float32"] * 8
    assert config.floatX == "float64"


# ----------------------------------------------------------------------------------------- print
def test_print_shows_every_flag_with_its_value_and_what_it_does() -> None:
    fresh = Config()
    fresh.floatX = "float32"
    lines = str(fresh).splitlines()
    assert lines[0].split() == "* floatX = float32 dtype of T.matrix() and its kin".split()
    assert any(line.startswith("  numpy.seterr_all = ignore ") for line in lines)
    assert "linker" in lines[-1]
    assert str(fresh.traceback).splitlines()[0].startswith("  traceback.limit = 4  ")


# ----------------------------------------------------------------------------------- environment
def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"from symgrad.flags import config\n{code}"],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_environment() -> None:
    done = run(
        "print(config.floatX, config.traceback.limit, config.gcc.cxxflags, config.warn.x)",
        SYMGRAD_FLAGS="floatX=float32",
        THEANO_FLAGS="floatX=float16, traceback.limit=2,gcc.cxxflags='-O3 -a,b=c',warn.x=False",
    )
    assert (done.stdout, done.stderr) == ("float32 2 -O3 -a,b=c False\n", "")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("floatx=float32", "config has no flag 'floatx'; did you mean 'floatX'?; ignored"),
        ("numpi.seterr_all=raise", "did you mean 'numpy.seterr_all'?; ignored"),
        ("floatX", "'floatX' has no value; write floatX=...; ignored"),
        ("device=gpu0", "config.device: got 'gpu0', but symgrad computes on the CPU"),
    ],
)
def test_environment_with_mistakes_warns_and_goes_on(flags: str, message: str) -> None:
    done = run("print(config.floatX)", SYMGRAD_FLAGS=flags)
    assert done.stdout == "float64\n"
    assert message in done.stderr


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("floatX=float8", "ValueError: SYMGRAD_FLAGS: config.floatX: got 'float8', expected"),
        ("cxx='", 'ValueError: SYMGRAD_FLAGS="cxx=\'": No closing quotation'),
    ],
)
def test_environment_with_a_bad_value_stops(flags: str, message: str) -> None:
    done = run("", SYMGRAD_FLAGS=flags)
    assert done.returncode == 1
    assert message in done.stderr


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("warn.subtensor_merge_bug", False),
        ("warn.inc_subtensor1_opt", True),
        ("warn.ignore_bug_before", "0.9"),
        ("experimental.local_alloc_elemwise", True),
        ("experimental.unpickle_gpu_on_cpu", False),
        ("lib.amdlibm", False),
        ("dnn.enabled", "auto"),
        ("dnn.conv.algo_fwd", "small"),
        ("gpuarray.preallocate", 0.0),
        ("vm.lazy", None),
        ("compile.timeout", 120),
    ],
)
def test_flags_of_theanos_past_may_be_read_and_set(name, default):
    *path, last = name.split(".")
    section = functools.reduce(getattr, path, config)
    assert getattr(section, last) == default
    with config.change_flags({name: "other"}):
        assert getattr(section, last) == "other"
    assert getattr(section, last) == default
    assert dict(config.items())[name] == default
    with pytest.raises(AttributeError, match=re.escape(f"did you mean '{name}'")):
        getattr(section, f"{last}s")


def test_what_theano_never_had_may_be_set_but_not_read():
    config.warn.of_an_older_version = "True"
    assert config.warn.of_an_older_version is True
    del vars(config.warn)["of_an_older_version"]
    with pytest.raises(AttributeError, match="config has no flag 'warn.of_an_older_version'"):
        config.warn.of_an_older_version  # noqa: B018


def test_the_table_names_groups_of_the_past_once():
    assert str(config).count("warn.") == 1
    assert "warn.*" in str(config)


@pytest.mark.parametrize(
    "changes",
    [
        [("floatX", "float32")],
        (("floatX", "float32"), ("traceback.limit", 3)),
        {"floatX": "float32"},
        {"floatX": "float32"}.items(),
    ],
)
def test_changes_come_as_pairs_or_dicts(changes):
    for change in (change_flags, config.change_flags):
        with change(changes):
            assert config.floatX == "float32"

        @change(changes)
        def inside():
            return config.floatX

        assert inside() == "float32"
        assert config.floatX == "float64"


@pytest.mark.parametrize("changes", ["floatX", 5, ["floatX"], [("floatX", "float32", 1)]])
def test_changes_of_another_form_are_explained(changes):
    with pytest.raises(TypeError, match=r"change_flags\(floatX='float32'\)"):
        change_flags(changes)
