"""The same program in unusual environments: without docstrings, files, a home, a terminal."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import symgrad

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "symgrad"
posix = pytest.mark.skipif(os.name != "posix", reason="of POSIX systems")

# Defines, differentiates, compiles, calls, prints, draws, derives, tells, pickles, saves; what it
# prints is ASCII, and the same everywhere. What it shows in Greek letters goes to files.
PROGRAM = r"""
import os, pickle, sys
import numpy as np
import symgrad, symgrad.draw, symgrad.printing
import symgrad.tensor as T
from symgrad.misc.pkl_utils import dump, load

folder = sys.argv[1]
place = lambda name: os.path.join(folder, name)
x, y = T.dmatrix("x"), T.lvector("y")
W = symgrad.shared(np.zeros((2, 3)), name="W")
p = T.nnet.softmax(T.dot(x, W))
cost = -T.mean(T.log(p)[T.arange(y.shape[0]), y])
step = symgrad.function([x, y], cost, updates=[(W, W - 0.5 * T.grad(cost, W))], profile=True)
data = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [0, 1, 2]
print(*[f"{float(step(*data)):.4f}" for _ in range(3)])
print(symgrad.pp(cost))
symgrad.debugprint(step)
strange = symgrad.debugprint(T.dscalar("\u03b1\ud800") * 2)
seen = symgrad.printing.Print("seen \u03b1")(x).sum().eval({x: [[1.0]]})
try:
    step([1.0], [0])
except TypeError as error:
    print(ascii(str(error).split("\n")[0]))
texts = {"derivation.txt": symgrad.derive(cost, W).text(), "story.txt": str(step.story())}
derivation = symgrad.derive(cost, W)
derivation.check()
print(derivation.text(ascii=True).split("Result")[1])
texts["checked.txt"] = derivation.text()
texts["profile.txt"], texts["config.txt"] = str(step.profile), str(symgrad.config)
for name, text in texts.items():
    with open(place(name), "w", encoding="utf-8") as file:
        file.write(text)
    if any(line and not line.strip() for line in text.split("\n")):
        sys.exit("an empty line in " + name)  # (no assert: python -OO overlooks it)
step.story().html(place("story.html"))
symgrad.draw.html(step, place("page.html"), sample=data)
try:
    symgrad.draw.svg(step, place("step.svg"))
except symgrad.draw.LayoutError:
    pass
copy = pickle.loads(pickle.dumps(step))
dump([W], place("W.zip"))
same = float(copy(*data)) == float(step(*data))
print(same, np.allclose(load(place("W.zip"))[0].get_value().sum(), 0))
for mode in ("debug", "nan-guard", "FAST_COMPILE"):
    print(round(float(symgrad.function([x, y], cost, mode=mode)(*data)), 6))
print(symgrad.lint(cost, [W]))
"""


def run(
    folder: Path,
    *options: str,
    env: dict[str, str | None] | None = None,
    shell: str = "",
    cwd: Path | None = None,
    path: Path = ROOT,
) -> subprocess.CompletedProcess[str]:
    """Run the program; `shell` is what a shell adds, such as ``<&-``."""
    script = folder / "program.py"
    folder.mkdir(exist_ok=True)
    script.write_text(PROGRAM, "utf-8")
    out = folder / "out"
    out.mkdir()
    bare = env is not None and None in env.values()
    kept = {"PATH", "SYSTEMROOT", "TEMP", "TMP"} if bare else os.environ
    variables = {name: os.environ[name] for name in kept if name in os.environ}
    variables |= {"PYTHONPATH": str(path), "OPENBLAS_NUM_THREADS": "1"}
    variables |= {name: value for name, value in (env or {}).items() if value is not None}
    variables.pop("SYMGRAD_FLAGS", None)
    command = [sys.executable, *options, str(script), str(out)]
    if shell:
        command = ["sh", "-c", f'"$@" {shell}', "sh", *command]
    return subprocess.run(
        command,
        env=variables,
        cwd=cwd or folder,
        capture_output=True,
        timeout=120,
        text=True,
        encoding="utf-8",
        errors="backslashreplace",
        check=False,
    )


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the program prints."""
    done = run(tmp_path_factory.mktemp("usual"))
    assert done.returncode == 0, done.stderr
    return shown(done.stdout)


def shown(text: str) -> str:
    """The output, but for letters that some terminals have and others have not."""
    return text.replace("α", "\\u03b1")


OPTIONS = {
    "without docstrings": ("-OO",),
    "warnings are errors": ("-W", "error"),
    "both": ("-OO", "-W", "error"),
    "development": ("-X", "dev", "-W", "error"),
    "no byte code": ("-B",),
    "encodings named": ("-X", "warn_default_encoding", "-W", "error"),
    "safe path": ("-P",),
    "UTF-8 off": ("-X", "utf8=0"),
}


def chosen(cases: dict[str, Any], *names: str) -> list[Any]:
    """All cases; those that are not named are for the slow tests."""
    slow = pytest.mark.slow
    return [
        pytest.param(case, id=name, marks=() if name in names else slow)
        for name, case in cases.items()
    ]


@pytest.mark.parametrize("options", chosen(OPTIONS, "both", "development"))
def test_options_of_python(options: tuple[str, ...], usual: str, tmp_path: Path) -> None:
    done = run(tmp_path, *options)
    assert done.returncode == 0, done.stderr
    assert shown(done.stdout) == usual


VARIABLES: dict[str, dict[str, str | None]] = {
    "no home": {"HOME": None},
    "a home that is not there": {"HOME": "/nowhere/at/all"},
    "ASCII": {"PYTHONIOENCODING": "ascii"},
    "Latin-1": {"PYTHONIOENCODING": "latin-1"},
    "C locale": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "optimised by variable": {"PYTHONOPTIMIZE": "2"},
    "hashes in another order": {"PYTHONHASHSEED": "12345"},
    "no temporary directory": {"TMPDIR": "/nowhere/at/all"},
    "flags without effect": {"THEANO_FLAGS": "cxx=,device=cpu,linker=py,base_compiledir=/nowhere"},
    "few columns": {"COLUMNS": "10", "LINES": "2", "TERM": "dumb", "NO_COLOR": "1"},
}


@pytest.mark.parametrize("env", chosen(VARIABLES, "no home", "ASCII", "C locale"))
def test_variables(env: dict[str, str | None], usual: str, tmp_path: Path) -> None:
    done = run(tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert shown(done.stdout) == usual


@pytest.fixture(scope="module")
def german(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | None]:
    """A locale that writes 0,5 for a half, made where the system has none."""
    folder = tmp_path_factory.mktemp("locales")
    if shutil.which("localedef") is None:
        pytest.skip("there is no localedef")
    made = subprocess.run(
        ["localedef", "-i", "de_DE", "-f", "UTF-8", str(folder / "de_DE.UTF-8")],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("there are no sources of locales")
    return {"LOCPATH": str(folder), "LC_ALL": "de_DE.UTF-8"}


@posix
def test_a_decimal_comma(german: dict[str, str | None], usual: str, tmp_path: Path) -> None:
    """Programs with a window set the locale of the whole process."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import locale\n"
        "locale.setlocale(locale.LC_ALL, '')\n"
        "assert locale.localeconv()['decimal_point'] == ','\n"
    )
    done = run(tmp_path, env={**german, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}"})
    assert done.returncode == 0, done.stderr
    assert shown(done.stdout) == usual
    for page in ("page.html", "story.html"):
        # (points of lines are written as 10,5)
        text = (tmp_path / "out" / page).read_text("utf-8")
        assert not re.search(r"[>=(] ?0,5\b", text)


@posix
@pytest.mark.slow
@pytest.mark.parametrize("shell", ["<&-", "2>&-", "<&- 2>&-", "</dev/null"])
def test_closed_streams(shell: str, usual: str, tmp_path: Path) -> None:
    done = run(tmp_path, shell=shell)
    assert done.returncode == 0, done.stderr
    assert shown(done.stdout) == usual


@posix
@pytest.mark.parametrize("shell", chosen({">&-": ">&-", "all": "<&- >&- 2>&-"}, "all"))
def test_closed_output(shell: str, tmp_path: Path) -> None:
    """Python's `print` says nothing then, and so do we."""
    done = run(tmp_path, shell=shell)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "page.html").stat().st_size > 10_000


@posix
@pytest.mark.slow
def test_a_directory_that_is_gone(usual: str, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = run(tmp_path, shell="", cwd=None)
    assert done.returncode == 0
    shutil.rmtree(tmp_path / "out")
    script = f'cd "{gone}" && rmdir "{gone}" && exec "$@"'
    (tmp_path / "out").mkdir()
    command = ["sh", "-c", script, "sh", sys.executable, str(tmp_path / "program.py")]
    done = subprocess.run(
        [*command, str(tmp_path / "out")],
        env={**os.environ, "PYTHONPATH": str(ROOT), "SYMGRAD_FLAGS": ""},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert shown(done.stdout) == usual


def copied(folder: Path) -> Path:
    """A copy of the package, without byte code."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, folder / "symgrad", ignore=ignored)
    return folder


@pytest.mark.parametrize("name", ["Übung\u0301 with '$HOME' %s"])
def test_odd_paths(name: str, usual: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    done = run(folder, path=copied(folder))
    assert done.returncode == 0, done.stderr
    assert shown(done.stdout) == usual


def test_a_read_only_installation(usual: str, tmp_path: Path) -> None:
    """Nothing is written beside the package, but for Python's own byte code."""
    where = copied(tmp_path)
    before = sorted(path for path in where.joinpath("symgrad").rglob("*"))
    for path in before:
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        done = run(tmp_path, "-B", path=where)
        assert done.returncode == 0, done.stderr
        assert shown(done.stdout) == usual
        assert sorted(path for path in where.joinpath("symgrad").rglob("*")) == before
    finally:
        for path in before:
            path.chmod(path.stat().st_mode | 0o200)


def test_a_zip_file(usual: str, tmp_path: Path) -> None:
    archive = tmp_path / "symgrad.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in PACKAGE.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                file.write(path, path.relative_to(ROOT))
    done = run(tmp_path, path=archive)
    assert done.returncode == 0, done.stderr
    assert shown(done.stdout) == usual


@pytest.mark.slow
def test_isolated(usual: str, tmp_path: Path) -> None:
    """``-I`` looks at no variable; the program brings the path."""
    script = tmp_path / "program.py"
    script.write_text(f"import sys; sys.path.insert(0, {str(ROOT)!r}){PROGRAM}", "utf-8")
    done = subprocess.run(
        [sys.executable, "-I", str(script), str(tmp_path)],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert shown(done.stdout) == usual


@pytest.mark.parametrize(
    "options", chosen({"as it is": (), "-OO": ("-OO", "-W", "error"), "dev": ("-X", "dev")}, "-OO")
)
def test_a_model(options: tuple[str, ...], tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    env = {name: value for name, value in os.environ.items() if name in ("PATH", "SYSTEMROOT")}
    env |= {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, *options, str(ROOT / "models" / "logistic_sgd.py")]
    for arguments in (["--dataset", "digits", "--epochs", "3", "--out", "out"], ["--help"]):
        done = subprocess.run(
            [*command, *arguments],
            env=env,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "Warning" not in done.stderr
        assert "validation" in done.stdout or "epochs" in done.stdout


# Parts of the suite that take a few seconds each and touch everything.
QUICK = (
    *(
        "tests/test_readme.py",
        "tests/explain/test_printing.py",
        "tests/compile/test_call.py",
        "tests/compile/test_own_results.py",
        "tests/compile/test_transactions.py",
        "tests/explain/test_derive.py",
    ),
    *("tests/gradient/test_gradients.py", "tests/test_flags.py", "tests/explain/draw/test_html.py"),
    *("tests/backend/numpy/test_source.py", "tests/theano/misc", "tests/ops/test_contract.py"),
)


@pytest.mark.slow
@pytest.mark.parametrize("options", [("-OO",), ("-X", "dev"), ("-B", "-P")], ids=" ".join)
def test_quick_part_of_the_suite(options: tuple[str, ...]) -> None:
    """(pytest's own assertions hold without those of Python.)"""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [
            sys.executable,
            *options,
            "-m",
            "pytest",
            "-q",
            "-n",
            "0",
            "-p",
            "no:cacheprovider",
            "-W",
            "ignore::pytest.PytestConfigWarning",
            *QUICK,
        ],
        env=env,
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]


def test_the_package_is_this_one() -> None:
    assert Path(symgrad.__file__).parent == PACKAGE
