"""Handwriting: files in, predictions out; what centring changes; models of all kinds."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import draw_digits
import predict_digits
import softmax_gd
from datasets import handwriting, mnist
from datasets.errors import DataError, ModelError
from predict_digits import Model, draw, find, load_model, main, predict, summary

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of all digits, drawn by code."""
    directory = tmp_path_factory.mktemp("drawn")
    draw_digits.main([str(directory), "--each", "3", "--seed", "1"])
    return directory


@pytest.fixture(scope="module")
def model(mnist_directory: Path) -> Model:
    """Trained on 3,000 images of MNIST."""
    data = softmax_gd.load(mnist_directory, n_train=3000, n_valid=1, quiet=True)
    W = softmax_gd.train(data, learning_rate=0.5, n_iterations=100, quiet=True).params["W"]
    return Model(W, np.zeros(10))


@pytest.fixture(scope="module")
def test_split(mnist_directory: Path) -> mnist.Split:
    """Images of MNIST that are for testing, from 0 to 1."""
    return mnist.load(mnist_directory, scale=255, quiet=True).test


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Some weights of a model with 28x28 pixels."""
    path = tmp_path / "weights.npz"
    np.savez(path, W=np.random.default_rng(0).normal(size=(784, 10)))
    return path


# ---- what centring and scaling change ------------------------------------------------------------


def accuracy(model: Model, pictures: Any, actual: Any) -> float:
    """Of the model, by hand."""
    rows = np.reshape(pictures, (len(pictures), -1))
    return float(np.mean((rows @ model.W).argmax(axis=1) == actual))


def test_on_digits_drawn_by_code(model: Model, drawn: Path) -> None:
    centred, unreadable = predict([drawn], model)
    assert not unreadable
    assert len(centred) == 30
    assert np.mean([each.right for each in centred]) > 0.85
    whole, _ = predict([drawn], model, centre=False)
    assert np.mean([each.right for each in whole]) < 0.5


@pytest.mark.parametrize(("size", "dark"), [(0.5, True), (1, False), (3, True), (10, False)])
def test_on_images_of_mnist_moved_and_scaled(
    model: Model, test_split: mnist.Split, size: float, dark: bool
) -> None:
    n = 80
    actual = test_split.y[:n]
    rng = np.random.RandomState(0)
    centred, whole = [], []
    for row in test_split.x[:n]:
        picture = moved(row, rng, int(28 * size), 2.5, dark)
        centred.append(handwriting.centred(handwriting.ink(picture)))
        whole.append(handwriting.squeezed(handwriting.ink(picture, whole=True)))
    as_it_was = accuracy(model, test_split.x[:n], actual)
    assert as_it_was > 0.88
    assert accuracy(model, centred, actual) > as_it_was - 0.08
    assert accuracy(model, whole, actual) < 0.45


def moved(row: Any, rng: np.random.RandomState, side: int, room: float, dark: bool) -> Any:
    """An image of MNIST on a larger sheet, somewhere, at another size."""
    digit = Image.fromarray(np.rint(row.reshape(28, 28) * 255).astype(np.uint8))
    width, height = (int(side * rng.uniform(1, room)) for _ in range(2))
    sheet = Image.new("L", (width, height))
    place = rng.randint(width - side + 1), rng.randint(height - side + 1)
    sheet.paste(digit.resize((side, side), Image.Resampling.BICUBIC), place)
    grey = np.asarray(sheet)
    return (230 - 0.8 * grey).astype(np.uint8) if dark else grey


@pytest.mark.slow
def test_the_table(mnist_directory: Path) -> None:
    """The figures in the docstring and in models/README.md."""
    data = softmax_gd.load(mnist_directory, quiet=True)
    model = Model(softmax_gd.train(data, quiet=True).params["W"], np.zeros(10))
    found = measured(model, data.test)
    for name, percents in found.items():
        line = re.search(rf"^{name} +([\d.]+) % +([\d.]+) %$", predict_digits.__doc__, re.MULTILINE)
        assert line is not None, name
        # (an image is a quarter of a percent)
        assert percents == pytest.approx([float(figure) for figure in line.groups()], abs=1), name


def measured(model: Model, test: mnist.Split) -> dict[str, tuple[float, float]]:
    """Percent right on whole pictures and on centred digits, of three kinds of pictures."""
    rng = np.random.RandomState(0)
    drawn = np.repeat(np.arange(10), 40)
    rows, actual = test.x[:400], test.y[:400]
    kinds: dict[str, tuple[list[Any], Any]] = {
        "drawn by draw_digits.py": (
            [np.asarray(draw_digits.draw(digit, rng).convert("L")) for digit in drawn],
            drawn,
        ),
        "of MNIST, moved and scaled": ([moved(row, rng, 84, 2.5, True) for row in rows], actual),
        "of MNIST, as they are": (
            [np.rint(row.reshape(28, 28) * 255).astype(np.uint8) for row in rows],
            actual,
        ),
    }
    measured = {}
    for name, (pictures, y) in kinds.items():
        whole = [handwriting.squeezed(handwriting.ink(p, whole=True)) for p in pictures]
        centred = [handwriting.centred(handwriting.ink(p)) for p in pictures]
        measured[name] = 100 * accuracy(model, whole, y), 100 * accuracy(model, centred, y)
    return measured


def test_the_drawings(drawn: Path, tmp_path: Path) -> None:
    names = sorted(path.name for path in drawn.iterdir())
    assert names[:3] == ["0-1.png", "0-2.jpg", "0-3.png"]
    assert len(names) == 30
    draw_digits.main([str(tmp_path), "--each", "1", "--seed", "1"])
    assert (tmp_path / "0-1.png").read_bytes() == (drawn / "0-1.png").read_bytes()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ModelError, match="cannot make that directory"):
        draw_digits.main([str(tmp_path / "file")])


# ---- models --------------------------------------------------------------------------------------


def test_models_of_other_scripts(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    W, b = rng.normal(size=(784, 10)), rng.normal(size=10)
    path = tmp_path / "model.npz"
    np.savez(path, W=W, b=b)  # as logistic_sgd.py saves it
    model = load_model(path)
    assert model.side == 28
    np.testing.assert_array_equal(model.W, W)
    np.testing.assert_array_equal(model.b, b)
    np.savez(path, W=np.vstack([W, b]))  # as softmax_npz.py does, for inputs with a 1 at the end
    again = load_model(path)
    np.testing.assert_array_equal(again.W, W)
    np.testing.assert_array_equal(again.b, b)
    np.savez(path, W=W[:64].astype(np.float32))  # of the small digits, as softmax_gd.py does
    assert load_model(path).side == 8
    assert not load_model(path).b.any()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"V": np.zeros((784, 10))}, "no W among V"),
        ({"W": np.zeros((780, 10))}, "[W]: found 780 rows"),
        ({"W": np.zeros(64)}, "[W]: found shape (64,)"),
        ({"W": np.zeros((784, 2))}, "[W]: found shape (784, 2), expected a row for each pixel, 10"),
        ({"W": np.zeros((784, 10)), "b": np.zeros(9)}, "[b]: found shape (9,), expected 10 numb"),
        ({"W": np.full((784, 10), np.nan)}, "values that are not finite numbers"),
        ({"W": np.array([[{}] * 10] * 784)}, "[W]: found something that cannot be read"),
    ],
)
def test_what_is_no_model(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "weights.npz", **arrays)
    with pytest.raises(DataError, match=re.escape(message)):
        load_model(tmp_path / "weights.npz")


def test_no_model() -> None:
    with pytest.raises(DataError, match="no such file, expected a model: train one, or name anot"):
        load_model("nowhere.npz")


def test_probabilities_by_hand(weights: Path, drawn: Path) -> None:
    [each], _ = predict([drawn / "3-1.png"], weights)
    picture = handwriting.centred(handwriting.read_digit(drawn / "3-1.png"))
    np.testing.assert_array_equal(each.picture, picture)
    z = picture.ravel() @ load_model(weights).W
    p = np.exp(z - z.max())
    assert each.predicted == p.argmax()
    assert each.probability == pytest.approx(p.max() / p.sum())
    [raw], _ = predict([drawn / "3-1.png"], weights, scale=255)  # as if it was trained on bytes
    assert raw.probability > each.probability


# ---- files ---------------------------------------------------------------------------------------


def test_files_and_directories(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    for name in ("b.PNG", "a.jpeg", "10.txt", "9.txt", "notes.md", ".hidden.png", "deep/er/c.jpg"):
        (tmp_path / name).write_bytes(b"")
    found = find([tmp_path, tmp_path / "notes.md", tmp_path / "b.PNG"])
    names = [path.relative_to(tmp_path).as_posix() for path in found]
    assert names == ["9.txt", "10.txt", "a.jpeg", "b.PNG", "deep/er/c.jpg", "notes.md"]
    assert find([tmp_path / "empty"]) == [tmp_path / "empty"]


def test_the_command(
    tmp_path: Path, weights: Path, drawn: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in drawn.glob("[78]*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "unknown.png").write_bytes((drawn / "5-1.png").read_bytes())
    Image.new("L", (30, 40), 200).save(tmp_path / "blank.png")
    rows = ["0" * 28] * 5 + ["0" * 13 + "11" + "0" * 13] * 18 + ["0" * 28] * 5
    (tmp_path / "1.txt").write_text("\n".join(rows), encoding="utf-8")
    out = tmp_path / "out"
    main([str(tmp_path), "--weights", str(weights), "--out", str(out)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["file", "actual", "predicted", "probability"]
    table = {Path(line.split()[0]).name: line.split()[1:] for line in lines[1:-1]}
    assert len(table) == 9
    assert table["8-2.jpg"][0] == "8"
    assert table["unknown.png"][0] == "–"
    assert table["blank.png"][:2] == ["–", "–"]
    assert table["1.txt"][0] == "1"
    for name, (_, predicted, probability, *more) in table.items():
        if name != "blank.png":
            assert 0 <= int(predicted) <= 9
            assert 0.1 <= float(probability) <= 1
            assert not more
    right = sum(actual == predicted for actual, predicted, *_ in table.values() if actual != "–")
    assert lines[-1].startswith(f"{right} of 7 right ({100 * right / 7:.1f} %); see ")
    assert {path.name for path in out.iterdir()} == {"predictions.png", "predictions.svg"}


def test_unreadable_files(
    tmp_path: Path, weights: Path, drawn: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "3-broken.png").write_bytes((drawn / "3-1.png").read_bytes()[:200])
    (tmp_path / "4.txt").write_text("4", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    files = [tmp_path / name for name in ("3-broken.png", "4.txt", "empty", "missing.jpg")]
    arguments = [*map(str, files), "--weights", str(weights), "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as caught:
        main([str(drawn / "3-1.png"), *arguments])
    assert caught.value.code == 2
    shown = capsys.readouterr()
    errors = shown.err.splitlines()
    assert len(errors) == 4
    for error, file in zip(errors, files, strict=True):
        assert error.startswith(f"predict_digits.py: error: {file}: found ")
    assert len(shown.out.splitlines()) == 3  # the good one all the same
    assert (tmp_path / "out" / "predictions.png").exists()

    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().out == ""


def test_right_and_wrong_without_colour(weights: Path, drawn: Path) -> None:
    predictions, _ = predict([drawn / "0-1.png"], weights)
    [one] = predictions
    assert one.predicted is not None
    other = (one.predicted + 1) % 10
    shown = [one._replace(actual=actual) for actual in (one.predicted, other, None)]
    figure = draw(shown, "Predicted")
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [f"{one.predicted} ✓", f"{one.predicted} ✗ ({other})", f"{one.predicted}"]
    assert summary(shown) == "1 of 2 right (50.0 %)"
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a glyph that is missing from the font
        figure.canvas.draw()
    many = draw(shown * 30, "Predicted")
    assert len(many.axes) == 60
    assert "the first 60 of 90" in many.get_suptitle().replace("\n", " ")
