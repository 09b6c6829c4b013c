"""Files appear whole or not at all: full disks, odd targets, killed runs, several writers."""

from __future__ import annotations

import linecache
import os
import pickle
import re
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad.backend.profiling.profile import ProfileStats
from symgrad.compile.modes.predefined import function_dump
from symgrad.errors import FileError, SymgradError
from symgrad.files import writing as files
from symgrad.files.writing import TEMPORARY, check, safe_name, sweep, whole, write
from symgrad.theano.misc.pkl_utils import dump, load

ROOT = Path(__file__).resolve().parents[2]

posix = pytest.mark.skipif(os.name != "posix", reason="of POSIX systems")


def graph() -> object:
    x = T.dvector("x")
    return (x**2).sum()


def profiled(path: Path) -> None:
    x = T.dvector("x")
    f = symgrad.function([x], x * 2, profile=ProfileStats(atexit_print=False))
    f([1.0])
    with symgrad.config.change_flags(**{"profiling.destination": str(path)}):
        f.profile.summary()


def story(path: Path) -> None:
    x = T.dvector("x")
    symgrad.function([x], x * 1).story().html(path)


# All that the package writes to paths.
WRITERS: dict[str, Callable[[Path], object]] = {
    "write": lambda path: write(path, b"new " * 20_000),
    "svg": lambda path: symgrad.draw.svg(graph(), path),
    "html": lambda path: symgrad.draw.html(graph(), path),
    "png": lambda path: symgrad.printing.pydotprint(graph(), path, format="svg"),
    "story": story,
    "profile": profiled,
    "dump": lambda path: dump([symgrad.shared(np.ones(9000), "W")], path),
    "function_dump": lambda path: function_dump(path, [], T.constant(np.ones(9000))),
}
each_writer = pytest.mark.parametrize("name", WRITERS)


def refused(call: Callable[[], object], says: str = "") -> FileError:
    with pytest.raises(FileError) as caught:
        call()
    assert isinstance(caught.value, SymgradError)
    assert isinstance(caught.value, OSError)
    assert re.search(says, caught.value.message)
    assert "\n" not in caught.value.message
    return caught.value


def named(path: Path, name: str) -> Path:
    return path / ("there.svg" if name == "png" else "there")


# ------------------------------------------------------------------------------- one file, written
@each_writer
def test_written_whole_and_alone(tmp_path: Path, name: str) -> None:
    path = named(tmp_path, name)
    path.write_bytes(b"old")
    WRITERS[name](path)
    assert path.read_bytes() != b"old"
    assert list(tmp_path.iterdir()) == [path]


@each_writer
@posix
def test_a_full_disk_leaves_what_was(tmp_path: Path, name: str) -> None:
    path = named(tmp_path, name)
    path.write_bytes(b"old")
    program = (
        "import resource, sys; from pathlib import Path; import tests.files.test_writing as t\n"
        "import functools, symgrad.explain.draw.files as drawing\n"
        "drawing.render = functools.cache(drawing.render)  # (Graphviz needs files of its own)\n"
        "if sys.argv[1] in ('svg', 'png'): t.WRITERS['svg'](Path(sys.argv[2]).parent / 'drawn')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))\n"
        "try:\n    t.WRITERS[sys.argv[1]](Path(sys.argv[2]))\n"
        "except t.FileError as error:\n    print(error.message)\n"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-W", "error", "-c", program, name, str(path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.fullmatch(rf"cannot write {re.escape(str(path))}: File too large\n", done.stdout)
    assert "Error" not in done.stderr  # (nor what is "ignored in" a destructor)
    assert path.read_bytes() == b"old"
    assert {p.name for p in tmp_path.iterdir()} - {"drawn"} == {path.name}


@each_writer
def test_paths_that_nothing_can_be_written_to(tmp_path: Path, name: str) -> None:
    writer = WRITERS[name]
    ending = ".svg" if name == "png" else ""
    (tmp_path / f"directory{ending}").mkdir()
    refused(lambda: writer(tmp_path / f"directory{ending}"), "it is a directory")
    refused(lambda: writer(tmp_path / "missing" / f"a{ending}"), "No such file")
    refused(lambda: writer(tmp_path / ("x" * 300 + ending)), "too long")
    refused(lambda: writer(tmp_path / f"a\0b{ending}"), r"a\\x00b.*: no system")
    assert [path.name for path in tmp_path.iterdir()] == [f"directory{ending}"]


@each_writer
@posix
def test_links(tmp_path: Path, name: str) -> None:
    writer = WRITERS[name]
    link, broken, loop, real = (
        named(tmp_path / kind, name) for kind in ("link", "broken", "loop", "real")
    )
    for path in (link, broken, loop, real):
        path.parent.mkdir()
    real.write_bytes(b"old")
    link.symlink_to(Path("..", "real", real.name))
    writer(link)
    assert link.is_symlink()
    assert real.read_bytes() != b"old"
    assert list(real.parent.iterdir()) == [real]
    broken.symlink_to(tmp_path / "nowhere")
    refused(lambda: writer(broken), "symbolic link to .*nowhere, which is not there")
    assert not (tmp_path / "nowhere").exists()
    loop.symlink_to(loop)
    refused(lambda: writer(loop), "[Ss]ymbolic links")


@each_writer
@posix
def test_pipes_and_devices_are_streams(tmp_path: Path, name: str) -> None:
    writer = WRITERS[name]
    if name == "png":  # whose ending would be appended to a device's name
        return
    pipe = named(tmp_path, name)
    os.mkfifo(pipe)
    refused(lambda: writer(pipe), "a pipe that nobody reads")
    read: list[bytes] = []
    thread = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    thread.start()
    while thread.is_alive():
        try:
            writer(pipe)
            break
        except FileError:  # (the thread has not opened it yet)
            pass
    thread.join(30)
    assert len(read[0]) > 100
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]
    writer(Path(os.devnull))
    if Path("/dev/full").exists():
        refused(lambda: writer(Path("/dev/full")), "No space left")
        assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


@posix
@pytest.mark.parametrize("device", ["/dev/stdout", "/dev/fd/1", "link"])
def test_stdout_by_name_goes_where_stdout_goes(tmp_path: Path, device: str) -> None:
    (tmp_path / "link").symlink_to("/dev/stdout")
    program = (
        "import sys; from symgrad.files.writing import write\n"
        f"print('first'); write({device!r}, b'second\\n'); print('third')\n"
    )
    with (tmp_path / "out").open("wb") as out:
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=out,
            check=True,
        )
    assert (tmp_path / "out").read_text("utf-8") == "first\nsecond\nthird\n"


@posix
def test_modes_are_kept_and_respected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret"
    path.touch(0o600)
    write(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    monkeypatch.setattr(os, "access", lambda *_: False)
    refused(lambda: write(path, b"newer"), "Permission denied")
    assert path.read_bytes() == b"new"
    old = os.umask(0o027)
    try:
        write(tmp_path / "other", b"")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "other").stat().st_mode) == 0o640


@posix
def test_a_read_only_directory(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    tmp_path.chmod(0o500)
    try:
        if os.access(tmp_path, os.W_OK):
            pytest.skip("this user may write everywhere")
        refused(lambda: write(path, b"new"), "Permission denied")
        assert path.read_bytes() == b"old"
    finally:
        tmp_path.chmod(0o700)


def test_the_block_decides(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(error: BaseException) -> None:
        with whole(path) as file:
            file.write(b"half of it")
            raise error

    for error in (KeyboardInterrupt(), ValueError("mine, with a null"), MemoryError()):
        with pytest.raises(type(error)):
            fail(error)
    said = refused(lambda: fail(OSError(28, "No space left on device")), "No space left")
    assert (said.errno, said.reason) == (28, "No space left on device")
    again = pickle.loads(pickle.dumps(said))
    assert (type(again), again.message) == (FileError, said.message)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("sync", [False, True])
@posix
def test_an_interrupt_at_any_line(tmp_path: Path, sync: bool) -> None:
    """All old or all new, nothing left and nothing open, but for lines that set things back."""
    path = tmp_path / "file"
    files_open = Path("/proc/self/fd")
    lines = -1
    for stop in range(10_000):
        write(path, b"old")
        before = len(list(files_open.iterdir())) if files_open.exists() else 0
        lines = _interrupted(lambda: write(path, b"new", sync=sync), stop)
        if lines <= stop:
            break
        assert path.read_bytes() in (b"old", b"new")
        assert list(tmp_path.iterdir()) == [path], stop
        assert not before or len(list(files_open.iterdir())) == before
    assert lines > 40


# Those lines, as no Python code can guard them: `_drop` and `_close` are all a `finally` does.
BACK = {"_drop", "_close", "_is_still"}


def _interrupted(call: Callable[[], object], stop: int) -> int:
    """Call with a KeyboardInterrupt at a line of `symgrad.files`; how many lines there were."""
    seen = 0

    def trace(frame: FrameType, event: str, arg: object) -> Callable[..., object] | None:
        nonlocal seen
        code = frame.f_code
        if not code.co_filename.endswith(os.path.join("files", "writing.py")):
            return None
        source = linecache.getline(code.co_filename, frame.f_lineno).strip()
        # (the exit of a `with` is a line event too, on the line that it began at)
        back = source.startswith(("_drop(", "_close(", "finally:", "with "))
        if event == "line" and code.co_name not in BACK and not back:
            seen += 1
            if seen == stop + 1:
                raise KeyboardInterrupt
        return trace

    old = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(old)
    return seen


def test_names_at_their_longest(tmp_path: Path) -> None:
    for name in ("x" * 255, "θ" * 127, "x" * 101):
        write(tmp_path / name, b"new")
    assert len(list(tmp_path.iterdir())) == 3


def test_what_can_be_known_before(tmp_path: Path) -> None:
    check(tmp_path / "file")
    assert list(tmp_path.iterdir()) == []
    refused(lambda: check(tmp_path), "it is a directory")
    refused(lambda: check(tmp_path / "a" / "b"), "No such file")


# -------------------------------------------------------------------------------- several, at once
@posix
def test_what_a_killed_run_left_is_removed_and_said(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    program = (
        "import sys, time; from symgrad.files.writing import whole\n"
        "with whole(sys.argv[1]) as file:\n"
        "    file.write(b'half'); file.flush(); print('now', flush=True); time.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program, str(path)]
    with (
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as dead,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as alive,
    ):
        for process in (dead, alive):
            assert process.stdout is not None
            process.stdout.readline()
        dead.send_signal(signal.SIGKILL)
        dead.wait()
        both = {p.name for p in tmp_path.iterdir()} - {"file"}
        assert len(both) == 2
        assert all(name.startswith(".file.") and name.endswith(TEMPORARY) for name in both)
        with pytest.warns(UserWarning, match="left by a run that was killed"):
            write(path, b"new")
        [kept] = {p.name for p in tmp_path.iterdir()} - {"file"}  # of who still writes
        assert kept in both
        write(path, b"newer")  # (a warning would be an error)
        alive.kill()
    assert path.read_bytes() == b"newer"
    assert sweep(path) == [str(tmp_path / kept)]
    assert list(tmp_path.iterdir()) == [path]


def test_many_writers_mix_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = [bytes([k]) * 200_000 for k in range(12)]
    seen: set[bytes] = set()

    def save(content: bytes) -> None:
        for _ in range(5):
            write(path, content)
            seen.add(path.read_bytes())

    threads = [threading.Thread(target=save, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen <= set(contents)
    assert list(tmp_path.iterdir()) == [path]


def test_more_writers_than_there_is_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_WRITERS", 1)
    monkeypatch.setattr(files, "_PATIENCE", 0.05)
    with whole(tmp_path / "file") as file:
        refused(lambda: write(tmp_path / "file", b"inner"), "others are writing it")
        file.write(b"outer")
    assert (tmp_path / "file").read_bytes() == b"outer"


# ------------------------------------------------------------------------------ names from outside
HOSTILE = ["..", ".", "", "/etc/passwd", "..\\x", "a\0b", "CON", "nul.txt", "com1", "LPT9.", "x. "]
HOSTILE += ["x" * 300, "θ" * 300, "\x1b[2J", "a:b", "~", " ", "\ud800", "\u202e", "aux.tar.gz"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_one_part_of_a_path(tmp_path: Path, name: str) -> None:
    safe = safe_name(name)
    write(tmp_path / safe, b"")
    assert [path.name for path in tmp_path.iterdir()] == [safe]
    assert safe.isprintable()
    assert not re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", safe)
    assert safe[-1] not in ". "
    assert not set(safe) & set('<>:"/\\|?*')


def test_members_of_a_dump_unpack_anywhere(tmp_path: Path) -> None:
    import zipfile

    variables = [symgrad.shared(np.full(1, float(k)), name) for k, name in enumerate(HOSTILE)]
    variables += [symgrad.shared(np.ones(1), name) for name in ("W", "w", "pkl")]
    dump(variables, tmp_path / "d.zip")
    with zipfile.ZipFile(tmp_path / "d.zip") as archive:
        members = archive.namelist()
        archive.extractall(tmp_path / "out")
    assert len({member.lower() for member in members}) == len(variables) + 1
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(members)
    for member in members:
        assert safe_name(member, 200) == member
    again = load(tmp_path / "d.zip")
    assert [v.name for v in again] == [v.name for v in variables]
    assert [float(v.get_value()[0]) for v in again[: len(HOSTILE)]] == list(range(len(HOSTILE)))
