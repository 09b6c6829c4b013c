"""The story of a function: what happened, why, where, with evidence that was computed."""

from __future__ import annotations

import pickle
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad.explain.notation import text
from symgrad.explain.story import Story

HERE = Path(__file__).name


@pytest.fixture
def train():
    x, y = T.dmatrix("x"), T.lvector("y")
    W, b = symgrad.shared(np.zeros((3, 2)), "W"), symgrad.shared(np.zeros(2), "b")
    p = T.nnet.softmax(T.dot(x, W) + b)
    cost = -T.mean(T.log(p)[T.arange(y.shape[0]), y])
    gW, gb = T.grad(cost, [W, b])
    return symgrad.function(
        [x, y], cost, updates=[(W, W - 0.1 * gW), (b, b - 0.1 * gb)], name="train"
    )


def event_of(story, rule):
    return next(event for event in story.events if event.rule == rule)


def test_a_stability_rewrite_has_its_identity_its_line_and_its_evidence(train):
    event = event_of(train.story(), "log_of_softmax")
    assert event.group == "stability"
    assert event.before.startswith("log")
    assert "softmax(xW + b)" in event.before
    assert event.after != event.before
    assert event.after.endswith("softmax(xW + b)")
    assert event.reason.startswith("log([softmax(x)]) → [logsoftmax(x)], which is finite")
    assert event.place.startswith(f"{HERE}:")
    assert event.source == "cost = -T.mean(T.log(p)[T.arange(y.shape[0]), y])"
    assert not event.in_gradient
    evidence = event.evidence
    assert evidence is not None
    assert evidence.inputs == (("xW + b", "(0, 800)"),)
    assert (evidence.before, evidence.after) == ("−inf", "−800")
    with np.errstate(all="ignore"):
        e = np.exp(np.array([0, 800.0]) - 800)
        assert np.log(e / e.sum())[0] == -np.inf


def test_losses_and_blas_are_told(train):
    story = train.story()
    assert event_of(story, "log_softmax_of_classes").group == "lowering"
    gemm = event_of(story, "blas")
    assert gemm.before.startswith("W − 0.1")
    assert gemm.after.startswith("gemm(W, −0.1")
    gradient = event_of(story, "gradient_of_losses")
    assert gradient.in_gradient
    assert "onehot(y)" in gradient.after


def test_groups_come_in_order_and_trifles_are_counted(train):
    story = train.story()
    groups = [event.group for event in story.events]
    assert sorted(groups, key=["stability", "simplification", "lowering"].index) == groups
    assert story.also["length found without computing values"] >= 2
    assert "lengths found without computing values" in story.also_text


def test_as_text(train):
    story = train.story()
    told = str(story)
    first = story.events[0]
    assert told.startswith("The story of train()\n")
    assert told.index("STABILITY") < told.index("SIMPLIFICATION") < told.index("LOWERING")
    assert f"  1. {first.before}  →  {first.after}\n" in told
    assert "Evidence: at xW + b = (0, 800) the old form gives −inf, the new one −800" in told
    assert f"\noutput 1\n    {text(train.recipe.results[0])}\n  → " in told
    assert repr(story) == told


class Reader(HTMLParser):
    """Collects the text, and checks that what is opened is closed."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.tags = [], "", set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def read(page):
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


def test_as_html(train, tmp_path):
    path = tmp_path / "story.html"
    story = train.story()
    page = story.html(path)
    assert path.read_text(encoding="utf-8") == page
    reader = read(page)
    for event in story.events:
        assert event.before in reader.text
        assert event.reason in reader.text
    assert "before −inf" in reader.text
    assert "now −800" in reader.text
    assert reader.tags.isdisjoint({"script", "link", "img"})
    assert "http" not in page
    assert "prefers-color-scheme: dark" in page
    fragment = read(story._repr_html_())
    assert fragment.tags.isdisjoint({"html", "body"})
    assert "The story of train()" in fragment.text


def test_names_are_escaped():
    x = T.dvector("<script>&\x00")
    f = symgrad.function([x], T.log(1 + T.exp(x)) * 1, name="<b>")
    reader = read(f.story().html())
    assert "<script>&" in reader.text
    assert reader.tags.isdisjoint({"script", "b"})


def test_it_is_the_same_each_time(train):
    assert str(train.story()) == str(train.story())
    assert train.story().html() == pickle.loads(pickle.dumps(train)).story().html()
    assert isinstance(pickle.loads(pickle.dumps(train.story())), Story)


def test_equal_rewrites_are_counted_and_many_are_cut():
    x = T.dvector("x")
    y = x
    for _ in range(3000):
        y = T.tanh(y * 1)
    story = symgrad.function([x], y).story()
    events = [event for event in story.events if event.rule == "times_one"]
    assert len(events) <= 4
    assert sum(event.times + event.more for event in events) == 3000
    assert max(event.times for event in events) > 1
    assert len(str(story)) < 5000
    fusion = event_of(story, "fusion")
    assert fusion.before.startswith("3000 operations: tanh, tanh")


def test_many_updates_are_cut():
    ws = [symgrad.shared(1.0, f"w{k}") for k in range(30)]
    story = symgrad.function([], [], updates=[(w, w * 2) for w in ws]).story()
    assert len(story.frames) == 9
    assert "and 22 more" in str(story)


def test_nothing_to_tell():
    x = T.dvector("x")
    story = symgrad.function([x], T.exp(x)).story()
    assert story.events == ()
    assert "Nothing was rewritten." in str(story)
    assert "Nothing was rewritten." in read(story.html()).text


def test_fast_compile_tells_less(train):
    x = T.dvector("x")
    y = T.log(1 + T.exp(x * 1))
    groups = {
        mode: {event.group for event in symgrad.function([x], y, mode=mode).story(True).events}
        for mode in ("FAST_COMPILE", "FAST_RUN")
    }
    assert groups["FAST_COMPILE"] == {"stability"}
    assert groups["FAST_RUN"] == {"stability", "simplification", "lowering"}


def test_the_function_is_as_before(train):
    source = train.source
    train.story()
    assert train.source == source
    assert np.isfinite(train(np.ones((4, 3)), [0, 1, 1, 0]))


def test_an_input_that_is_an_expression():
    x = T.dvector("x")
    y = T.exp(x)
    assert "log(1 + " in str(symgrad.function([y], T.log(1 + y)).story())
