"""What the scripts understand on the command line."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from datasets import mnist
from datasets.errors import OptionError
from training import options


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "", "many"])
def test_what_is_no_count(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected a whole number from 1 on"):
        options.positive_int(text)


@pytest.mark.parametrize("text", ["0", "-0.1", "nan", "inf", "", "fast"])
def test_what_is_no_rate(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected a number above 0"):
        options.positive_float(text)


@pytest.mark.parametrize("text", ["-0.1", "nan", "inf", "", "some"])
def test_what_is_no_penalty(text: str) -> None:
    assert options.nonnegative_float("0") == 0
    with pytest.raises(argparse.ArgumentTypeError, match="expected a number, 0 or above"):
        options.nonnegative_float(text)


@pytest.mark.parametrize("text", ["-1", "4294967296", "0.5", "", "now"])
def test_what_is_no_seed(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected a whole number from 0 on"):
        options.natural_int(text)


def test_what_all_scripts_understand(capsys: pytest.CaptureFixture[str]) -> None:
    parser = options.Parser()
    options.add_common(parser, epochs=7, out="somewhere", seed=3)
    found = vars(parser.parse_args([]))
    assert found == {
        "dataset": "auto",
        "epochs": 7,
        "seed": 3,
        "floatX": "float64",
        "out": Path("somewhere"),
        "resume": False,
        "quiet": False,
    }
    given = "--dataset d --epochs 2 --seed 0 --floatX float32 --out o --resume --quiet".split()
    found = vars(parser.parse_args(given))
    assert list(found.values()) == ["d", 2, 0, "float32", Path("o"), True, True]
    with pytest.raises(OptionError, match=r"argument --seed: found '-1'.* \(--help lists"):
        parser.parse_args(["--seed", "-1"])
    with pytest.raises(SystemExit):
        parser.parse_args(["--help"])
    assert "(default somewhere)" in capsys.readouterr().out


def test_a_script_that_has_no_directory_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    parser = options.Parser()
    options.add_common(parser, epochs=7, out=None)
    assert parser.parse_args([]).out is None
    with pytest.raises(SystemExit):
        parser.parse_args(["--help"])
    assert "None" not in capsys.readouterr().out


def test_a_batch_must_fit_in_each_split() -> None:
    data = mnist.load("digits", quiet=True)
    options.check_batch_size(300, data)
    with pytest.raises(OptionError, match="301 images is larger than the validation split, .* 300"):
        options.check_batch_size(301, data)


def test_the_directory_for_results(tmp_path: Path) -> None:
    path = tmp_path / "some" / "where"
    assert options.output_directory(path) == options.output_directory(path) == path
    assert path.is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(OptionError, match="file: cannot make that directory .there is a file"):
        options.output_directory(tmp_path / "file")
    with pytest.raises(OptionError, match="cannot make that directory .Not a directory"):
        options.output_directory(tmp_path / "file" / "below")
