"""Pages in a real browser: Chromium without a window, driven by Playwright."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

NASTY = "</script><b>\"'&\u2028é"


def program() -> str:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("no Chromium is installed")
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = program()
    quiet = "--disable-gpu --disable-quic --no-first-run --disable-sync"
    quiet += " --disable-background-networking --disable-component-update"
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        quiet += " --no-sandbox"
    with playwright.sync_playwright() as p:
        opened = p.chromium.launch(executable_path=path, args=quiet.split())
        yield opened
        opened.close()


class Page:
    """An open page; whatever it complains of or loads is noted."""

    def __init__(self, browser: Any, path: Path, **settings: Any) -> None:
        settings.setdefault("viewport", {"width": 1200, "height": 800})
        self.context = browser.new_context(**settings)
        self.page = self.context.new_page()
        self.noted: list[str] = []
        self.page.on("console", lambda message: self.noted.append(message.text))
        self.page.on("pageerror", lambda error: self.noted.append(str(error)))
        self.page.on("request", lambda request: self.noted.append(request.url[:60]))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-ready]")
        self.noted.remove(path.as_uri()[:60])

    def labels(self) -> list[str]:
        """What is drawn and not inside a closed group, in no order."""
        return self.page.locator(".item").evaluate_all(
            "items => items.map(item => item.querySelector('text').textContent)"
        )

    def item(self, label: str) -> Any:
        found = self.page.locator(".item", has=self.page.locator(f'text="{label}"'))
        return found.first

    @property
    def panel(self) -> str:
        return self.page.locator("#panel").inner_text()

    @property
    def focused(self) -> str:
        return self.page.evaluate("document.activeElement.querySelector('text').textContent")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """Draws something as a page, opens it, and at the end has nothing to complain of."""
    opened: list[Page] = []

    def open_page(drawn: Any, sample: Any = None, **settings: Any) -> Page:
        path = tmp_path / "page.html"
        symgrad.draw.html(drawn, path, sample=sample)
        opened.append(Page(browser, path, **settings))
        return opened[-1]

    yield open_page
    for page in opened:
        page.context.close()
        assert page.noted == []


def training(**settings: Any) -> tuple[Any, tuple[Any, ...]]:
    x, y = T.dmatrix("x"), T.ivector("y")
    W = symgrad.shared(np.full((4, 3), 0.5), "W")
    p = T.nnet.softmax(T.dot(x, W))
    cost = -T.mean(T.log(p)[T.arange(y.shape[0]), y])
    cost.name = "cost"
    updates = [(W, W - 0.5 * T.grad(cost, W))]
    f = symgrad.function([x, y], cost, updates=updates, name="train", **settings)
    return f, (np.ones((5, 4)), np.zeros(5, "int32"))


def layers(count: int) -> Any:
    h = T.dmatrix("x")
    for k in range(count):
        with symgrad.name_scope(f"layer{k}"):
            h = T.tanh(T.dot(h, symgrad.shared(np.eye(3), f"W{k}")))
    return h


# -- what is seen --------------------------------------------------------------------------------


def test_the_page_opens_without_a_complaint_or_a_request(show: Any) -> None:
    f, sample = training()
    page = show(f, sample)
    assert page.page.title() == "train"
    assert {"x", "y", "W", "cost", "forward", "gradient"} <= set(page.labels())
    assert "The whole graph" in page.panel


def test_nothing_is_drawn_over_anything_else(show: Any) -> None:
    page = show(layers(12))
    page.page.click("#unfold-all")
    boxes = page.page.locator(".item").evaluate_all(
        """items => items.map(item => {
            const box = item.querySelector('.shape').getBoundingClientRect();
            return [box.left, box.top, box.right, box.bottom];
        })"""
    )
    assert len(boxes) == 12 * 4 + 2

    def apart(a: list[float], b: list[float]) -> bool:
        return a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]

    def inside(a: list[float], b: list[float]) -> bool:
        return b[0] <= a[0] and b[1] <= a[1] and a[2] <= b[2] and a[3] <= b[3]

    for k, a in enumerate(boxes):
        for b in boxes[:k]:
            assert apart(a, b) or inside(a, b) or inside(b, a)


def test_wires_begin_and_end_at_their_boxes(show: Any) -> None:
    x = T.dvector("x")
    with symgrad.name_scope("part"):
        y = T.exp(x)
    page = show(T.tanh(y + x))
    ends = page.page.evaluate(
        """() => [...document.querySelectorAll('.wire')].map(wire => {
            const [a, b] = [0, wire.getTotalLength()].map(at => wire.getPointAtLength(at));
            return [a.x, a.y, b.x, b.y];
        })"""
    )
    boxes = page.page.evaluate(
        """() => [...document.querySelectorAll('.item.node')].map(item => {
            const at = item.transform.baseVal[0].matrix;
            const box = item.querySelector('.shape').getBBox();
            return [at.e, at.f, at.e + box.width, at.f + box.height];
        })"""
    )

    def touches(x: float, y: float, edge: int) -> bool:
        return any(b[0] <= x <= b[2] and abs(b[edge] - y) < 1 for b in boxes)

    assert len(ends) == 5
    for x0, y0, x1, y1 in ends:
        assert touches(x0, y0, 3)
        assert touches(x1, y1, 1)


def test_pointing_at_a_node_tells_all_that_is_known(show: Any) -> None:
    f, sample = training(profile=symgrad.ProfileStats(atexit_print=False))
    f(*sample)
    page = show(f, sample)
    page.item("x · W").hover()
    for text in (
        *("float64 (n, 3)", "(5, 3)", "operation dot", "test_html_browser.py:"),
        *("p = T.nnet.softmax(T.dot(x, W))", "mean", "least", "greatest", "of all steps"),
    ):
        assert text in page.panel
    page.page.mouse.move(1, 799)
    assert "The whole graph" in page.panel


def test_not_a_number_is_marked(show: Any) -> None:
    x = T.dvector("x")
    page = show(T.log(x).sum(), {x: [1.0, -1.0, 0.0, 2.0]})
    assert "3 values have NaN or infinity; the first: log" in page.panel
    page.item("log").hover()
    assert "NaN\t25 %" in page.panel
    assert page.item("log").locator(".mark").count() == 1
    assert page.item("x").locator(".mark").count() == 0


def test_names_of_any_characters(show: Any) -> None:
    x = T.dvector(NASTY)
    page = show(T.exp(x), {x: [1.0]})
    page.page.locator(".item.input").hover()
    assert NASTY.replace("\u2028", "") in page.panel.replace("\u2028", "").replace("\n", "")
    assert page.page.locator("#panel b, #graph b").count() == 0


# -- folding -------------------------------------------------------------------------------------


def test_groups_open_and_close(show: Any) -> None:
    page = show(layers(100))
    assert len(page.labels()) < 60
    page.page.click("#fold-all")
    folded = len(page.labels())
    assert folded <= 40
    first = page.page.locator(".group.closed").first
    name = first.get_attribute("id")
    first.locator(".fold").click()
    assert len(page.labels()) > folded
    opened = page.page.locator(f"#{name}")
    assert opened.get_attribute("aria-expanded") == "true"
    opened.locator(".fold").click()
    assert len(page.labels()) == folded
    page.page.locator(f"#{name}").dblclick()
    assert len(page.labels()) > folded
    page.page.click("#unfold-all")
    assert {f"W{k}" for k in range(100)} <= set(page.labels())


def test_a_folded_box_stays_where_it_was(show: Any) -> None:
    page = show(layers(100))
    fold = page.page.locator(".group .fold").first
    name = page.page.locator(".group").first.get_attribute("id")
    before = fold.bounding_box()
    fold.click()
    after = page.page.locator(f"#{name} > .fold").bounding_box()
    assert abs(before["x"] - after["x"]) < 2
    assert abs(before["y"] - after["y"]) < 2


# -- searching -----------------------------------------------------------------------------------


def test_search_finds_what_is_folded(show: Any) -> None:
    page = show(layers(300))
    page.page.click("#fold-all")
    assert "W217" not in page.labels()
    page.page.fill("#search", "w217")
    results = page.page.locator("#results li")
    assert results.first.inner_text().startswith("W217")
    page.press("Enter")
    assert "W217" in page.labels()
    assert page.focused == "W217"
    assert "shared variable" in page.panel


def test_search_by_operation_and_line(show: Any) -> None:
    x = T.dvector("x")
    page = show(T.dot(x, T.exp(x)))
    for words, found in [("dot", "x · □"), ("test_html_browser.py exp", "exp")]:
        page.page.fill("#search", words)
        page.press("Enter")
        assert page.focused == found
    page.page.fill("#search", "no such thing")
    assert "nothing found" in page.page.locator("#results").inner_text()
    page.press("Escape")
    assert page.page.locator("#results").is_hidden()


# -- choosing ------------------------------------------------------------------------------------


def test_a_click_highlights_what_is_before_and_after(show: Any) -> None:
    x, z = T.dvectors("x", "z")
    page = show([T.tanh(T.exp(x)), T.sin(z)])

    def named(kind: str) -> set[str]:
        texts = page.page.locator(f".item.{kind}").evaluate_all(
            "items => items.map(item => item.querySelector('text').textContent)"
        )
        return set(texts)

    page.item("exp").click()
    assert named("self") == {"exp"}
    assert named("before") == {"x"}
    assert named("after") == {"tanh", "output 1"}
    assert "depends on 1 · 2 depend on it" in page.panel
    assert page.page.locator(".wire.before, .wire.after").count() == 3
    page.press("Escape")
    assert page.page.locator("#graph.chosen").count() == 0


def test_as_written_and_as_compiled(show: Any) -> None:
    f, _ = training()
    page = show(f)
    compiled = page.labels()
    page.page.get_by_role("radio", name="as written").click()
    assert "softmax" in page.labels()
    assert "softmax" not in compiled
    page.press("ArrowLeft")
    assert page.labels() == compiled


# -- keys ----------------------------------------------------------------------------------------


def test_the_keyboard_alone_will_do(show: Any) -> None:
    x = T.dvector("x")
    page = show(T.tanh(T.exp(x)) + T.sin(x))
    page.page.locator("#help-button").focus()
    page.press("Tab")
    assert page.focused == "x"
    page.press("ArrowDown")
    page.press("ArrowLeft")
    left = page.focused
    page.press("ArrowRight")
    assert {left, page.focused} == {"exp", "sin"}
    if left == "exp":
        page.press("ArrowLeft")
    assert page.focused == "exp"
    page.press("ArrowDown")
    assert page.focused == "tanh"
    page.press("Enter")
    assert page.page.locator(".item.self").count() == 1
    page.press("ArrowUp")
    assert page.focused == "exp"
    assert "exp" in page.panel
    page.press("Home")
    assert page.focused == "x"
    page.press("End")
    assert page.focused == "output"
    page.press("Escape")
    assert page.page.locator(".item.self").count() == 0


def test_groups_open_and_close_by_keys(show: Any) -> None:
    page = show(layers(100))
    page.page.click("#fold-all")
    count = len(page.labels())
    page.page.locator(".group.closed").first.focus()
    page.press("Enter")
    assert len(page.labels()) > count
    page.press("Enter")
    assert len(page.labels()) == count


def test_zooming_and_moving(show: Any) -> None:
    page = show(T.exp(T.dvector("x")))

    def scene() -> list[float]:
        return page.page.evaluate(
            "(({a, e, f}) => [a, e, f])(document.getElementById('scene').getCTM())"
        )

    scale, x, y = scene()
    page.press("+")
    assert scene()[0] == pytest.approx(1.25 * scale, rel=1e-3)
    page.press("-")
    assert scene() == pytest.approx([scale, x, y], abs=0.5)
    page.page.mouse.move(60, 400)
    page.page.mouse.wheel(0, -100)
    assert scene()[0] > scale
    page.press("0")
    assert scene() == pytest.approx([scale, x, y], abs=0.5)
    page.page.mouse.down()
    page.page.mouse.move(110, 430, steps=4)
    page.page.mouse.up()
    assert scene() == pytest.approx([scale, x + 50, y + 30], abs=0.5)


def test_two_fingers_zoom(show: Any) -> None:
    page = show(T.exp(T.dvector("x")))
    fingers = """(steps) => {
        const graph = document.getElementById('graph');
        const before = document.getElementById('scene').getCTM().a;
        const send = (type, id, x) => graph.dispatchEvent(new PointerEvent(type,
            {pointerId: id, clientX: x, clientY: 400, pointerType: 'touch', bubbles: true}));
        graph.setPointerCapture = () => {};
        send('pointerdown', 1, 300); send('pointerdown', 2, 400);
        send('pointermove', 2, 500);
        send('pointerup', 1, 300); send('pointerup', 2, 500);
        return document.getElementById('scene').getCTM().a / before;
    }"""
    assert page.page.evaluate(fingers) == pytest.approx(2.0, rel=0.01)


def test_everything_can_be_read_as_text(show: Any) -> None:
    x = T.dvector("x")
    page = show(T.tanh(T.exp(x)))
    page.press("l")
    entries = page.page.locator("#list li").all_inner_texts()
    assert entries[0].startswith("input x, float64 (n,), to exp, test_html_browser.py:")
    assert (
        entries[1].startswith("exp, float64 (n,), from input x") or "from x, to tanh" in entries[1]
    )
    page.page.locator("#list button").nth(2).click()
    assert page.focused == "tanh"
    label = page.item("tanh").get_attribute("aria-label")
    assert label.startswith("tanh, float64 (n,), from exp, to output")


def test_dark_light_and_paper(show: Any) -> None:
    page = show(T.exp(T.dvector("x")), color_scheme="dark")

    def background() -> str:
        return page.page.evaluate("getComputedStyle(document.body).backgroundColor")

    dark = background()
    page.page.click("#theme")
    assert background() == "rgb(255, 255, 255)" != dark
    page.page.click("#theme")
    assert background() == dark
    page.page.emulate_media(media="print")
    assert background() == "rgb(255, 255, 255)"
    assert page.page.locator("header").is_hidden()
    assert page.page.locator("#graph").is_visible()


def test_colours_by_time(show: Any) -> None:
    f, sample = training(profile=symgrad.ProfileStats(atexit_print=False))
    f(*sample)
    page = show(f)
    page.page.select_option("#colour", "time")
    heats = page.page.locator(".item.warm").evaluate_all(
        "items => items.map(item => Number(item.style.getPropertyValue('--heat')))"
    )
    assert max(heats) == pytest.approx(0.85)
    assert min(heats) == 0


@pytest.mark.slow
def test_a_hundred_thousand_nodes_open_in_seconds(show: Any) -> None:
    y = T.dvector("x")
    for _ in range(50_000):
        y = T.tanh(y) * 2
    started = time.perf_counter()
    page = show(y)
    assert time.perf_counter() - started < 20
    assert len(page.labels()) < 60
    assert "nodes are not in this file" in page.page.locator("#note").inner_text()
