"""Any text becomes a Python name."""

from __future__ import annotations

import keyword

import pytest
from hypothesis import given, strategies as st

from symgrad.plan import python_name


@given(st.text(max_size=70))
def test_any_text_becomes_an_identifier(text):
    name = python_name(text)
    assert name.isidentifier()
    assert not keyword.iskeyword(name)
    assert len(name) < 60
    exec(f"{name} = 1", {})


@pytest.mark.parametrize(
    ("wish", "name"),
    [
        ("W", "W"),
        ("W'", "W_new"),
        ("a b", "a_b"),
        ("(dcost/dW)", "dcost_dW"),
        ("class", "class_"),
        ("None", "None_"),
        ("2nd", "v_2nd"),
        ("θ", "θ"),
        ("ﬁ", "fi"),
        ("", "v"),
        ("__", "v"),
        ("x" * 500, "x" * 50),
    ],
)
def test_names_stay_close_to_the_users(wish, name):
    assert python_name(wish) == name
