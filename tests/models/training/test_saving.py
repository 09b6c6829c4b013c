"""Saved parameters: whole or not at all, and not trusted."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest

from datasets.errors import DataError, ModelError, OptionError
from training.saving import check_writable, load_params, save_params


def test_saved_parameters_come_back(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    for seed in (1, 2):
        W = np.random.default_rng(seed).normal(size=(3, 2))
        save_params(path, W=W, b=np.arange(2, dtype=np.float32))
        loaded = load_params(path, ["W", "b"])
        np.testing.assert_array_equal(loaded["W"], W)
        assert loaded["b"].dtype == np.float32
    assert [file.name for file in tmp_path.iterdir()] == ["model.npz"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_failed_save_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException] | OSError
) -> None:
    path = tmp_path / "model.npz"
    save_params(path, W=np.ones(2))
    before = path.read_bytes()

    def fail(file: io.BufferedWriter, **_: object) -> None:
        file.write(b"half of it")
        raise error

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises((KeyboardInterrupt, ModelError)) as caught:
        save_params(path, W=np.zeros(2))
    if isinstance(caught.value, ModelError):
        assert "cannot be saved (No space left on device)" in str(caught.value)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["model.npz"]


def test_parameters_that_cannot_be_loaded(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"

    def complaint() -> str:
        with pytest.raises(DataError) as caught:
            load_params(path, ["W", "b"])
        assert str(path) in str(caught.value)
        return str(caught.value)

    assert "found no such file" in complaint()
    path.write_bytes(b"something")
    complaint()
    path.write_bytes(b"")
    complaint()
    np.savez(path, W=np.ones(2))
    assert "found no b among W, expected an .npz with W, b" in complaint()
    np.savez(path, W=np.ones(2), b=np.array([None]))
    complaint()
    np.savez(path, W=np.ones(2), b=np.array([np.nan]))
    assert "not finite" in complaint()
    np.savez(path, W=np.ones(2), b=np.array(["a"]))
    complaint()
    with path.open("wb") as file:
        np.save(file, np.ones(3))
    complaint()


def test_where_to_save_is_checked_beforehand(tmp_path: Path) -> None:
    check_writable(tmp_path / "model.npz")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OptionError, match="found a directory or device"):
        check_writable(tmp_path)
    with pytest.raises(OptionError, match="cannot save there"):
        check_writable(tmp_path / "missing" / "model.npz")
    if os.name == "posix":
        with pytest.raises(OptionError, match="found a directory or device"):
            check_writable(Path(os.devnull))
