"""Shapes and colours: kinds differ in both, so that a picture reads in grey and in the dark too."""

from __future__ import annotations

import re

FONT = "Helvetica,Arial,sans-serif"
INK, QUIET, LINE = "#0f172a", "#52617a", "#64748b"

GRAPH = {
    "rankdir": "TB",
    "bgcolor": "white",
    "fontname": FONT,
    "fontcolor": INK,
    "fontsize": "11",
    "nodesep": "0.28",
    "ranksep": "0.3",
    "pad": "0.15",
    "newrank": "true",
}
PLAIN = {
    "fontname": FONT,
    "fontcolor": INK,
    "fontsize": "11",
    "margin": "0.11,0.045",
    "height": "0.28",
    "width": "0.4",
    "penwidth": "1.1",
}
EDGES = {
    "fontname": FONT,
    "fontcolor": QUIET,
    "fontsize": "8",
    "color": LINE,
    "arrowsize": "0.6",
    "labeldistance": "1.6",
}

Style = dict[str, str]
NODES: dict[str, Style] = {
    "input": {
        "class": "input",
        "shape": "ellipse",
        "margin": "0.03,0.02",
        "style": "filled",
        "fillcolor": "#cfe3fb",
        "color": "#1d4ed8",
    },
    "shared": {
        "class": "shared",
        "shape": "cylinder",
        "margin": "0.11,0.08",
        "style": "filled",
        "fillcolor": "#d6f3df",
        "color": "#15803d",
    },
    "constant": {
        "class": "constant",
        "shape": "box",
        "style": "dashed",
        "color": "#94a3b8",
    },
    "operation": {
        "class": "operation",
        "shape": "box",
        "style": "filled,rounded",
        "fillcolor": "#ffffff",
        "color": "#64748b",
    },
    "output": {
        "class": "output",
        "shape": "box",
        "style": "filled",
        "peripheries": "2",
        "fillcolor": "#fdeebb",
        "color": "#a16207",
    },
    "update": {
        "class": "update",
        "shape": "cylinder",
        "margin": "0.11,0.08",
        "style": "filled",
        "penwidth": "2",
        "fillcolor": "#e6e0fb",
        "color": "#6d28d9",
    },
    "group": {
        "class": "group",
        "shape": "folder",
        "style": "filled",
        "fillcolor": "#eef2f7",
        "color": "#475569",
    },
}
_CLUSTER = {"style": "filled,rounded", "labeljust": "l", "margin": "9", "fontcolor": INK}
CLUSTERS: dict[str, Style] = {
    "forward": _CLUSTER | {"class": "forward", "fillcolor": "#f3f6fa", "color": "#94a3b8"},
    "gradient": _CLUSTER | {"class": "gradient", "fillcolor": "#fdf0e4", "color": "#c2570c"},
    "update": _CLUSTER | {"class": "updates", "fillcolor": "#f3f0fd", "color": "#7c3aed"},
    "scope": _CLUSTER
    | {"class": "scope", "style": "rounded", "color": "#94a3b8", "fontcolor": QUIET},
    "loop": _CLUSTER
    | {"class": "loop", "style": "rounded,dashed", "color": "#475569", "penwidth": "1.5"},
}

# What the picture looks like where the reader's system is set to dark.
_DARK: dict[str, tuple[str, str]] = {
    ".node.input": ("#16325c", "#7db2f7"),
    ".node.shared": ("#12402a", "#6fd39a"),
    ".node.operation": ("#1e293b", "#94a3b8"),
    ".node.output": ("#4a3605", "#f2c94c"),
    ".node.update": ("#352566", "#b79cf7"),
    ".node.group": ("#273449", "#a8b5c7"),
    ".cluster.forward": ("#131d2f", "#5b6b82"),
    ".cluster.gradient": ("#2c1c10", "#c9763a"),
    ".cluster.updates": ("#1f1838", "#8b6fe0"),
    ".cluster.scope": ("#101a2b", "#64748b"),
    ".cluster.loop": ("#101a2b", "#94a3b8"),
}


def _dark_rules() -> str:
    rules = [
        ".symgrad>.graph>polygon{fill:#0d1524}",
        ".symgrad text{fill:#e5eaf1}",
        ".symgrad .edge text,.symgrad .titles text{stroke:#0d1524}",
        f'.symgrad text[fill="{QUIET}"]{{fill:#a3b0c2}}',
        ".symgrad .edge path{stroke:#8593a8}",
        ".symgrad .edge polygon{fill:#8593a8;stroke:#8593a8}",
    ]
    for selector, (fill, stroke) in _DARK.items():
        rules.append(f".symgrad {selector} :is(path,polygon,ellipse){{stroke:{stroke}}}")
        rules.append(
            f'.symgrad {selector} :is(path,polygon,ellipse):not([fill="none"]){{fill:{fill}}}'
        )
    return "".join(rules)


def css() -> str:
    """The stylesheet of pictures: hover, and dark mode."""
    dark = _dark_rules()
    halo = "paint-order:stroke;stroke-width:3px;stroke-linejoin:round"
    light = (
        f".symgrad .edge text{{{halo};stroke:#fff;stroke-opacity:.75}}"
        f".symgrad .titles text{{{halo};stroke:#fff;stroke-opacity:.85}}"
    )
    return f"{light}@media (prefers-color-scheme:dark){{{dark}}}"


_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
_HEAD = re.compile(r"<svg [^>]*>")
_TITLE = re.compile(
    r"(<g id=\"(node|edge|clust|graph)\d+\" class=\"[^\"]*\"[^>]*>\n)<title>[^<]*</title>\n"
)
_LINK = re.compile(
    r'<g id="a_[^"]*"><a [^>]*xlink:title="([^"]*)"[^>]*>\n(.*?)</a>\n</g>\n', re.DOTALL
)


_CLUSTER_TITLE = re.compile(
    r'(class="cluster [^>]*>\n(?:<(?:path|polygon)[^>]*/>\n)+)((?:<text.*\n)+)'
)


def _titles_on_top(svg: str) -> str:
    """The titles of groups after the arrows, so that none runs across them."""
    found = [match[2] for match in _CLUSTER_TITLE.finditer(svg)]
    if not found:
        return svg
    svg = _CLUSTER_TITLE.sub(r"\1", svg)
    end = svg.rindex("</g>\n</svg>")
    return f'{svg[:end]}<g class="titles">\n{"".join(found)}</g>\n{svg[end:]}'


_SIZE = re.compile(r'width="(\d+)pt" height="(\d+)pt"')
_PAGE = (540, 760)  # points: A4 and Letter less margins
_SMALLEST = 0.55  # below that a page is no help


def _on_a_page(found: re.Match[str]) -> str:
    """Width and height no larger than a page, as long as it can still be read."""
    width, height = int(found[1]), int(found[2])
    portrait = min(1.0, _PAGE[0] / width, _PAGE[1] / height)
    landscape = min(1.0, _PAGE[1] / width, _PAGE[0] / height)
    scale = max(portrait, landscape)
    scale = scale if scale >= _SMALLEST else 1.0
    return f'width="{width * scale:.0f}pt" height="{height * scale:.0f}pt"'


def finish(svg: str, title: str) -> str:
    """Graphviz's SVG with tooltips, a stylesheet, and nothing that varies between versions."""
    svg = svg[svg.index("<svg ") :]
    svg = _COMMENT.sub("", svg)
    svg = _TITLE.sub(r"\1", svg)
    svg = _LINK.sub(r"<title>\1</title>\n\2", svg)
    svg = svg.replace(' xml:space="preserve"', "")
    svg = _titles_on_top(svg)
    head = _HEAD.match(svg)
    assert head is not None
    opened = head[0].replace("<svg ", '<svg class="symgrad" role="img" ', 1)
    opened = opened.replace(' xmlns:xlink="http://www.w3.org/1999/xlink"', "")
    opened = _SIZE.sub(_on_a_page, opened)
    inside = f"\n<title>{title}</title>\n<style>{css()}</style>"
    return opened + inside + svg[head.end() :]
