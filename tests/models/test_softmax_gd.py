"""Full gradient descent: the reference's costs, weight decay by hand, the choice on a grid."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import softmax_gd
import symgrad
from datasets import mnist
from datasets.errors import ModelError, OptionError
from softmax_gd import Setting, load, main, train

# The first 30,000 images of MNIST, pixels / 255, rate 0.3, no decay, in float32.
REFERENCE = {
    1: 2.3025848865509033,
    101: 0.4385223388671875,
    201: 0.37768086791038513,
    301: 0.35117173194885254,
    401: 0.33525246381759644,
    501: 0.32424303889274597,
    601: 0.31599634885787964,
    701: 0.30949273705482483,
    801: 0.3041749894618988,
    901: 0.2997085750102997,
}


@pytest.fixture(scope="module")
def digits() -> mnist.Dataset:
    return load("digits", n_train=600, n_valid=200, quiet=True)


def by_hand(data: mnist.Dataset, decay: float, rate: float, n: int) -> Any:
    """Costs before each step, and the weights, with the gradient derived."""
    x, t = data.train.x, np.eye(10)[data.train.y]
    W = np.zeros((data.n_features, 10))
    costs = []
    for _ in range(n):
        z = x @ W
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        costs.append(-np.mean(np.log(p[t == 1])) + decay / 2 * np.sum(W * W))
        W = W - rate * (x.T @ (p - t) / len(t) + decay * W)
    return costs, W


# ---- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_the_gradient_by_hand(digits: mnist.Dataset, decay: float) -> None:
    costs, W = by_hand(digits, decay, 0.2, 30)
    result = train(digits, decay=decay, learning_rate=0.2, n_iterations=30, quiet=True)
    np.testing.assert_allclose(result.best.cost, costs, rtol=1e-12)
    np.testing.assert_allclose(result.params["W"], W, rtol=1e-9, atol=1e-12)
    right = (digits.test.x @ W).argmax(axis=1) == digits.test.y
    assert result.test_accuracy == right.mean()


@pytest.mark.parametrize("floatX", ["float64", "float32"])
def test_the_first_costs_of_the_reference(mnist_directory: Path, floatX: str) -> None:
    symgrad.config.floatX = floatX
    data = load(mnist_directory, quiet=True)
    assert (data.train.n, data.valid.n, data.test.n) == (30_000, 15_000, 10_000)
    result = train(data, n_iterations=1, quiet=True)
    assert abs(result.best.cost[0] - REFERENCE[1]) < 1e-6
    assert result.params["W"].dtype == floatX


@pytest.mark.slow
@pytest.mark.parametrize("floatX", ["float64", "float32"])
def test_the_reference(mnist_directory: Path, floatX: str) -> None:
    symgrad.config.floatX = floatX
    result = train(mnist_directory, quiet=True)
    for iteration, cost in REFERENCE.items():
        assert abs(result.best.cost[iteration - 1] - cost) < 1e-5
    assert len(result.best.cost) == 1000
    assert result.test_accuracy == pytest.approx(0.9176, abs=0.0002)
    assert result.best.train_accuracy == pytest.approx(0.9186333, abs=0.0002)
    assert result.best.valid_accuracy == pytest.approx(0.9047333, abs=0.0002)


# ---- the splits ----------------------------------------------------------------------------------


def test_the_splits() -> None:
    whole = mnist.load("digits", scale=255, validation=False, quiet=True)
    data = load("digits", quiet=True)
    assert (data.train.n, data.valid.n, data.test.n) == (1122, 375, 300)  # 62, 21, 17 %
    np.testing.assert_array_equal(data.train.x, whole.train.x[:1122])
    np.testing.assert_array_equal(data.valid.y, whole.train.y[1122:])
    np.testing.assert_array_equal(data.test.x, whole.test.x)
    assert data.train.x.max() == 1
    assert load("digits", scale=1, quiet=True).train.x.max() == 255

    data = load("digits", n_train=500, quiet=True)
    assert (data.train.n, data.valid.n) == (500, 997)
    data = load("digits", n_valid=500, quiet=True)
    assert (data.train.n, data.valid.n) == (997, 500)
    data = load(whole, n_train=3, n_valid=2)
    assert (data.train.n, data.valid.n) == (3, 2)


@pytest.mark.parametrize(
    "sizes", [{"n_train": 1497}, {"n_valid": 1497}, {"n_train": 1000, "n_valid": 498}]
)
def test_an_empty_split(sizes: dict[str, int]) -> None:
    with pytest.raises(OptionError, match="has 1,497 training images, which is not enough for"):
        load("digits", **sizes, quiet=True)


# ---- the choice ----------------------------------------------------------------------------------


def test_a_grid(digits: mnist.Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    result = train(digits, decay=[0, 1], learning_rate=[0.01, 0.3], n_iterations=40, quiet=True)
    assert [each.setting for each in result.runs] == [
        Setting(0, 0.01), Setting(0, 0.3), Setting(1, 0.01), Setting(1, 0.3)
    ]  # fmt: skip
    accuracies = [each.valid_accuracy for each in result.runs]
    assert result.best.valid_accuracy == max(accuracies)
    assert len(set(accuracies)) > 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["c", "rate", "cost", "training", "validation"]
    assert [line.split()[:2] for line in lines[1:5]] == [
        ["0", "0.01"], ["0", "0.3"], ["1", "0.01"], ["1", "0.3"]
    ]  # fmt: skip
    marked = [line.endswith("best") for line in lines[1:5]]
    assert marked == [each is result.best for each in result.runs]
    assert lines[5].startswith(f"Test accuracy after 40 iterations with {result.best.setting}: ")
    [axes] = result.figure.axes
    assert [line.get_label() for line in axes.get_lines()] == [
        str(each.setting) for each in result.runs
    ]
    first, second, third, fourth = axes.get_lines()
    assert first.get_color() == second.get_color() != third.get_color()  # the weight decay
    assert first.get_linestyle() == third.get_linestyle() != fourth.get_linestyle()  # the rate


def test_a_setting_that_diverges_does_not_end_the_others(
    digits: mnist.Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    result = train(digits, decay=1.0, learning_rate=[500.0, 0.1], n_iterations=300)
    assert [each.setting.learning_rate for each in result.runs] == [0.1]
    assert re.search(
        r"rate 500 the cost became \w+ in iteration \d+: a sm", capsys.readouterr().out
    )
    with pytest.raises(ModelError, match="with c = 1, rate 500 the cost became"):
        train(digits, decay=1.0, learning_rate=500.0, n_iterations=300, quiet=True)
    with pytest.raises(ModelError, match="with no setting did the cost stay finite"):
        train(digits, decay=1.0, learning_rate=[500.0, 600.0], n_iterations=300, quiet=True)


def test_a_grid_goes_on_where_it_was(
    tmp_path: Path, digits: mnist.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"decay": [0.0, 0.1], "learning_rate": [0.1, 0.2], "quiet": True}
    whole = train(digits, **options, n_iterations=20)

    descend = softmax_gd.descend
    begun: list[Setting] = []

    def interrupted(data: Any, setting: Setting, *more: Any, **settings: Any) -> Any:
        begun.append(setting)
        if len(begun) == 3:
            raise KeyboardInterrupt
        return descend(data, setting, *more, **settings)

    monkeypatch.setattr(softmax_gd, "descend", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(digits, **options, n_iterations=20, out=tmp_path)
    states = sorted(path.name for path in tmp_path.glob("state*"))
    assert states == ["state-c0.0-rate0.1.npz", "state-c0.0-rate0.2.npz"]

    steps = 0

    def counted(data: Any, setting: Setting, *more: Any, **settings: Any) -> Any:
        nonlocal steps
        before = (tmp_path / softmax_gd.state_name(setting)).exists()
        steps += 0 if before else 20
        assert settings["resume"] == before
        return descend(data, setting, *more, **settings)

    monkeypatch.setattr(softmax_gd, "descend", counted)
    again = train(digits, **options, n_iterations=20, out=tmp_path, resume=True)
    assert steps == 40
    for ours, theirs in zip(again.runs, whole.runs, strict=True):
        assert ours.cost == theirs.cost
        np.testing.assert_array_equal(ours.W, theirs.W)
    with pytest.raises(OptionError, match="needs --out"):
        train(digits, resume=True)


# ---- the command ---------------------------------------------------------------------------------


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    arguments = ["--dataset", "digits", "--out", str(out)]
    main([*arguments, "--epochs", "205"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "... loading data"
    assert [line.split(",")[0] for line in lines[1:4]] == [
        "iteration    1", "iteration  101", "iteration  201"
    ]  # fmt: skip
    assert lines[1].endswith("cost 2.302585")
    assert re.fullmatch(
        r"Test accuracy after 205 iterations with c = 0, rate 0.3: 8\d\.\d\d % "
        r"\(validation 9\d\.\d\d %\)",
        lines[4],
    )
    assert {path.name for path in out.iterdir()} == {
        "state.npz", "weights.npz", "cost.png", "cost.svg"
    }  # fmt: skip
    with np.load(out / "weights.npz") as saved:
        assert saved["W"].shape == (64, 10)
    with pytest.raises(OptionError, match="with dataset digits of 1122"):
        main([*arguments, "--train-images", "100", "--resume"])


def test_the_options_for_a_grid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(softmax_gd, "train", lambda dataset, **options: asked.append(options))
    main([])
    main(["--grid"])
    main(["--grid", "--decay", "0.5"])
    main(["--decay", "0", "1", "--learning-rate", "2", "3"])
    assert [(each["decay"], each["learning_rate"]) for each in asked] == [
        (0.0, 0.3),
        (softmax_gd.DECAYS, softmax_gd.RATES),
        ([0.5], softmax_gd.RATES),
        ([0.0, 1.0], [2.0, 3.0]),
    ]
    assert len(softmax_gd.DECAYS) > 2
    with pytest.raises(OptionError, match="'-1', expected a number, 0 or above"):
        main(["--decay=-1"])
