"""Plots as files: each kind for several networks, what they say, what is refused, the same file every time."""

import re
import struct
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

import rfcalc
from rfcalc.engine import paths
from rfcalc.engine.arch import Arch
from rfcalc.errors import RfcalcError
from tests.command import run

pytest.importorskip("matplotlib")

from rfcalc.drawing import plot
from rfcalc.drawing.counts import path_counts
from rfcalc.drawing.growth import course_of
from rfcalc.drawing.style import DARK, FAMILIES, LIGHT, Style
from rfcalc.drawing.unit import outside
from rfcalc.engine.geometry import Field

ROOT = Path(__file__).parent.parent.parent
STRIP = """
name: strip
input: [2, 64]
layers:
  - conv: {name: a, out_channels: 4, kernel_size: 3, padding: 2, dilation: 2}
  - conv: {name: b, out_channels: 4, kernel_size: 3, stride: 2}
  - add: [b, b]
"""
VOLUME = """
name: volume
input: [1, 8, 12, 16]
layers:
  - conv: {name: a, out_channels: 4, kernel_size: 3, padding: 1}
  - max_pool: {name: pool, kernel_size: [1, 2, 2]}
  - conv: {name: b, out_channels: 4, kernel_size: 3, padding: 1}
"""
PLAIN = """
input: [1, 8, 8]
layers:
  - conv: {out_channels: 2, kernel_size: 3}
  - conv: {out_channels: 2, kernel_size: 3}
  - conv: {out_channels: 2, kernel_size: 1}
"""
NAMES = ("</svg><script>", "x$\\frac{1}{$", "]]>&amp;\"'\u202e\n")


def hostile() -> Arch:
    """A network such as a traced module may be: a spec takes words only."""
    plain = rfcalc.loads(PLAIN)
    nodes = tuple(replace(node, name=name) for node, name in zip(plain.nodes, NAMES, strict=True))
    return replace(plain, name="<script>alert(1)</script> $x^2$ & co", nodes=nodes)


SKIP = """
input: [1, 5, 5]
layers:
  - conv: {name: a, out_channels: 1, kernel_size: 3, padding: 1}
  - add: [a, input]
"""


def texts(path: Path) -> list[str]:
    """Every text of an SVG, which must be well formed."""
    return ["".join(element.itertext()).strip() for element in ET.parse(path).iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("name", ["s9", "resnet18", "unet", "densenet121"])
def test_the_graph_says_every_boxs_name_in_text(name: str, tmp_path: Path) -> None:
    from rfcalc.drawing.layout import layout

    plot(name, tmp_path / "x.svg")
    found = texts(tmp_path / "x.svg")
    for box in layout(rfcalc.load(name)).boxes:
        assert all(part in found for line in box.lines for part in (line.left, line.right) if part)


@pytest.mark.parametrize("name", ["s9", "unet", "resnet18"])
def test_the_documents_images_are_up_to_date(name: str, tmp_path: Path) -> None:
    plot(name, tmp_path / "x.svg")
    assert texts(tmp_path / "x.svg") == texts(ROOT / "docs" / "images" / f"{name}.svg")


@pytest.mark.parametrize("kind", ["network", "growth", "unit"])
@pytest.mark.parametrize("text", [STRIP, VOLUME, ""], ids=["1-D", "3-D", "hostile"])
def test_every_kind_takes_every_number_of_axes_and_any_name(kind: str, text: str, tmp_path: Path) -> None:
    arch = rfcalc.loads(text) if text else hostile()
    for ending in ("svg", "pdf", "png"):
        plot(arch, tmp_path / f"x.{ending}", kind)  # type: ignore[arg-type]
        assert (tmp_path / f"x.{ending}").read_bytes()[:5] in (b"<?xml", b"%PDF-", b"\x89PNG\r")
    assert "<script" not in (tmp_path / "x.svg").read_text("utf-8").lower()
    assert texts(tmp_path / "x.svg")


def test_hostile_names_are_shown_as_they_are(tmp_path: Path) -> None:
    plot(hostile(), tmp_path / "x.svg")
    assert {"</svg><script>", "x$\\frac{1}{$", "]]>&amp;\"'"} <= set(texts(tmp_path / "x.svg"))


@pytest.mark.parametrize("text", [STRIP, VOLUME, SKIP], ids=["1-D", "3-D", "2-D"])
def test_effective_field_of_every_number_of_axes(text: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    plot(rfcalc.loads(text), tmp_path / "x.svg", "effective", layers=["a"], count=1)
    said = " ".join(texts(tmp_path / "x.svg"))
    assert "a, initial weights, seed 0" in said
    assert "exact field" in said


def test_effective_field_of_layers_and_runs_side_by_side(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    for seed in (1, 2):
        torch.save(rfcalc.build(rfcalc.loads(SKIP), seed=seed).state_dict(), tmp_path / f"run{seed}.pt")
    files = [str(tmp_path / f"run{seed}.pt") for seed in (1, 2)]
    plot(rfcalc.loads(SKIP), tmp_path / "x.svg", "effective", layers=["a", "add2"], weights=files, count=1)
    said = texts(tmp_path / "x.svg")
    assert sum("run1.pt" in text for text in said) == sum("run2.pt" in text for text in said) == 2
    with pytest.raises(RfcalcError, match="13 effective fields side by side: at most 12"):
        plot(rfcalc.loads(SKIP), tmp_path / "x.svg", "effective", weights=files[:1] * 13)


def test_the_same_file_every_time(tmp_path: Path) -> None:
    code = "from rfcalc.drawing import plot; import sys; plot('s9', sys.argv[1], sys.argv[2])"
    for kind in ("network", "growth", "unit"):
        for ending in ("svg", "pdf", "png"):
            made = []
            for n in "12":
                path = tmp_path / f"{n}.{ending}"
                if n == "1":
                    subprocess.run([sys.executable, "-c", code, str(path), kind], check=True)
                else:
                    plot("s9", path, kind)
                made.append(path.read_bytes())
            assert made[0] == made[1], (kind, ending)


def test_growth_marks_border_layers_and_gridding(tmp_path: Path) -> None:
    plot("s9", tmp_path / "s9.svg", "growth")
    said = texts(tmp_path / "s9.svg")
    assert {"image 32", "border layer: adds no new context", "receptive field", "jump", "C10"} <= set(said)
    assert not any("gridding" in text for text in said)
    plot(rfcalc.loads(STRIP), tmp_path / "strip.svg", "growth")
    assert any("gridding" in text for text in texts(tmp_path / "strip.svg"))
    plot(rfcalc.loads(VOLUME), tmp_path / "v.svg", "growth")
    assert {"image 8", "image 12", "image 16", "jump, axis 0", "jump, axis 2"} <= set(texts(tmp_path / "v.svg"))


def test_unit_names_the_unit_and_its_field(tmp_path: Path) -> None:
    plot("s9", tmp_path / "x.svg", "unit", layers=["C6", "C10"], unit=(0, 1))
    said = texts(tmp_path / "x.svg")
    # unit 0 of C10 is centred at 6.5 and unit 1 at 14.5; C6 starts at 2.5, jump 4: units 1 and 3 are centred there
    assert "C10 unit 0,1: 55×55" in said
    assert "C6 unit 1,3: 23×23" in said
    with pytest.raises(RfcalcError, match="C10 has no unit 3,0: its map is 3x3, counted from 0"):
        plot("s9", tmp_path / "x.svg", "unit", layers=["C10"], unit=(3, 0))
    plot(rfcalc.loads(STRIP), tmp_path / "y.svg", "unit", layers=["a"], unit=(5,))
    assert "a unit 5: 5, with holes" in texts(tmp_path / "y.svg")


def test_unit_on_an_image(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    image = pytest.importorskip("matplotlib.image")
    image.imsave(tmp_path / "i.png", numpy.zeros((8, 8, 3)))
    plot("s9", tmp_path / "x.png", "unit", image=tmp_path / "i.png")
    assert (tmp_path / "x.png").stat().st_size > 1000
    (tmp_path / "bad.png").write_text("no image")
    with pytest.raises(RfcalcError, match=r"bad\.png: no image that can be read"):
        plot("s9", tmp_path / "x.png", "unit", image=tmp_path / "bad.png")
    with pytest.raises(RfcalcError, match=r"none\.png: No such file"):
        plot("s9", tmp_path / "x.png", "unit", image=tmp_path / "none.png")


@pytest.mark.parametrize("path", ["x.gif", "x", "x.svg.txt"])
def test_an_unknown_ending_is_refused_with_the_list(path: str, tmp_path: Path) -> None:
    with pytest.raises(RfcalcError, match=r"a plot is written as \.svg, \.pdf or \.png"):
        plot("s9", tmp_path / path)
    assert not (tmp_path / path).exists()


def test_what_does_not_belong_together_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RfcalcError, match="--unfold belongs to a plot of kind network, not growth"):
        plot("s9", tmp_path / "x.svg", "growth", unfold=True)
    with pytest.raises(RfcalcError, match="--layer belongs to a plot of kind unit or effective, not network"):
        plot("s9", tmp_path / "x.svg", layers=["C1"])
    with pytest.raises(RfcalcError, match="no kind of plot 'tree': there are network, growth, unit, effective"):
        plot("s9", tmp_path / "x.svg", "tree")  # type: ignore[arg-type]
    with pytest.raises(RfcalcError, match="no layer 'C99'"):
        plot("s9", tmp_path / "x.svg", "unit", layers=["C99"])
    with pytest.raises(RfcalcError, match=r"x\.svg: No such file or directory"):
        plot("s9", tmp_path / "no" / "x.svg")


def test_the_verb(tmp_path: Path) -> None:
    path = tmp_path / "s9.svg"
    done = run("plot", "s9", "-o", str(path), "--horizontal", "--dark", "--unfold")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert "C1.dropout" not in texts(path)
    assert "dropout" in texts(path)
    assert DARK.paper in path.read_text("utf-8")
    done = run("plot", "s9", "-o", str(tmp_path / "x.bmp"))
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith("x.bmp ends in .bmp: a plot is written as .svg, .pdf or .png\n")
    assert run("plot", "s9", "-o", str(path), "--kind", "unit", "--unit", "a").err.startswith("rfcalc: --unit a: must")


def test_no_other_verb_loads_matplotlib() -> None:
    code = "import sys; from rfcalc.cli import main; sys.argv[1:] = ['table', 's9']\n"
    code += "try: main()\nexcept SystemExit: pass\n"
    done = subprocess.run([sys.executable, "-c", f"{code}assert 'matplotlib' not in sys.modules"], check=False)
    assert done.returncode == 0


# --- counts ------------------------------------------------------------------------------------------------------


def test_counts_over_all_axes_at_once() -> None:
    arch = rfcalc.loads(SKIP)
    assert path_counts(arch, arch["add2"], (2, 2))[1:4, 1:4].tolist() == [[1, 1, 1], [1, 2, 1], [1, 1, 1]]


@pytest.mark.parametrize(("name", "layer"), [("s9", "C10"), ("c12", "C12.conv"), ("mnist28", "conv6")])
def test_counts_of_a_chain_are_the_engines_along_each_axis(name: str, layer: str) -> None:
    """Of a chain the counts are the product of those along each axis, which the engine has in integers."""
    arch = rfcalc.load(name)
    row = arch[layer]
    steps = paths.steps_of(arch, 0)
    bound = paths.counting(steps)
    unit = row.out.axes[0].size - 1
    packed = list(paths.on_image(steps, arch.sizes[0], bound.width, bound.scales))[row.index - 1][unit]
    counts = paths.unpacked(packed, bound.width)
    counts += [0] * (arch.sizes[0] - len(counts))
    assert path_counts(arch, row, (unit, unit)).tolist() == [[a * b for b in counts] for a in counts]


FRACTIONS = """
input: [1, 5]
layers:
  - upsample: {{name: up, scale_factor: {scale}, mode: linear}}
  - adaptive_avg_pool: {{name: all, output_size: 1}}
  - conv: {{name: wide, from: up, out_channels: 1, kernel_size: 5, padding: 2}}
  - upsample: {{name: again, scale_factor: 2, mode: linear, from: up}}
  - avg_pool: {{name: down, kernel_size: 2}}
  - add: {{name: sum, from: [up, wide, down]}}
  - multiply: {{name: both, from: [sum, all]}}
"""


@pytest.mark.parametrize("scale", [3, 5, 6, 7])
def test_counts_of_fractions_that_come_to_a_whole_are_that_whole(scale: int) -> None:
    arch = rfcalc.loads(FRACTIONS.format(scale=scale))
    steps = paths.steps_of(arch, 0)
    bound = paths.counting(steps)
    whole = 0
    for row, units in zip(arch.rows, paths.on_image(steps, arch.sizes[0], bound.width, bound.scales), strict=True):
        for unit, packed in enumerate(units):
            numerators = paths.unpacked(packed, bound.width)
            exact = [Fraction(n, bound.scales[row.index]) for n in numerators] + [Fraction(0)] * (5 - len(numerators))
            found = path_counts(arch, row, (unit,)).tolist()
            assert found == pytest.approx([float(count) for count in exact], rel=1e-15), row
            assert all(a == b for a, b in zip(found, exact, strict=True) if b.denominator == 1), (row, unit)
            whole += sum(count.denominator == 1 for count in exact)
    assert whole > 100


@pytest.mark.parametrize("name", ["googlenet", "unet"])
def test_counts_add_up_where_branches_join(name: str) -> None:
    """Weights of one and no bias: the sum of all counts is the unit's value on an image of ones."""
    arch = rfcalc.load(name, (3, 64, 64))
    end = arch.global_row.node.inputs[0] if arch.global_row else len(arch.rows)
    row = arch.rows[end - 1]
    shares = path_counts(arch, row, tuple(size // 2 for size in row.out.sizes), even=True)
    assert shares.shape == (64, 64)
    assert shares.sum() == pytest.approx(1)
    assert (shares >= 0).all()


def test_shares_agree_with_the_engines_along_an_axis() -> None:
    arch = rfcalc.load("s9")
    row = arch["C10"]
    along = paths.uniform_gradient(arch, 0, row.index, 1)
    assert path_counts(arch, row, (1, 1), even=True).sum(1).tolist() == pytest.approx(along)


def test_what_lies_outside_is_covered_once() -> None:
    for rows, columns in ((Field(-2, 4), Field(1, 3)), (Field(-3, 12), Field(-1, 20)), (Field(9, 12), Field(11, 14))):
        cells = [
            (x, y) for left, top, w, h in outside(rows, columns, 8, 10) for x in range(left, left + w)
            for y in range(top, top + h)
        ]  # fmt: skip
        expected = {
            (x, y) for x in range(columns.first, columns.last + 1) for y in range(rows.first, rows.last + 1)
            if not (0 <= x < 10 and 0 <= y < 8)
        }  # fmt: skip
        assert len(cells) == len(set(cells))
        assert set(cells) == expected


# --- style -------------------------------------------------------------------------------------------------------


def channels(colour: str) -> list[float]:
    levels = [value / 255 for value in struct.unpack("BBB", bytes.fromhex(colour[1:]))]
    return [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in levels]


def contrast(one: str, other: str) -> float:
    """WCAG 2's contrast ratio."""
    lights = sorted(
        sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), channels(x), strict=True)) for x in (one, other)
    )
    return (lights[1] + 0.05) / (lights[0] + 0.05)


@pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])
def test_text_can_be_read_on_every_fill(look: Style) -> None:
    for fill in (look.paper, look.frame, *look.fills.values()):
        assert contrast(look.ink, fill) > 7
        assert contrast(look.muted, fill) > 4.5
        assert contrast(look.accent, fill) > 4.5
    assert set(look.fills) == set(look.edges) == set(FAMILIES)


def test_no_text_is_smaller_than_eight_points(tmp_path: Path) -> None:
    for kind in ("network", "growth", "unit"):
        plot("googlenet", tmp_path / "x.svg", kind)
        sizes = re.findall(r"font(?:-size)?: (?:bold )?([\d.]+)px", (tmp_path / "x.svg").read_text("utf-8"))
        assert sizes
        assert min(map(float, sizes)) >= 8


def test_axes_that_are_alike_share_a_line() -> None:
    def lines(layer: str) -> int:
        return len(course_of(rfcalc.loads(f"{{input: [1, 9, 9], layers: [{layer}]}}")).lines)

    assert lines("conv: {out_channels: 2, kernel_size: 3}") == 1
    assert lines("opaque: {operation: sort}") == 1  # unknown on both
    assert lines("conv: {out_channels: 2, kernel_size: [3, 1]}") == 2
    assert lines("conv: {out_channels: 2, kernel_size: 1, stride: [2, 1]}") == 2  # the jump alone differs
