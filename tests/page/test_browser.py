"""The page in a real browser, opened from disk: what answers to pointer and keys, and that nothing leaves it.

Needs what tests/page/install_browser.sh installs; without it these tests are skipped.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from tests.page.live import Live
from tests.page.test_follow import expected_readout

HERE = Path(__file__).parent
CHROMIUM = shutil.which("chromium") or ""
NODE = shutil.which("node") or ""
pytestmark = [
    pytest.mark.skipif(
        not (CHROMIUM and NODE and (HERE / "node_modules" / "playwright-core").is_dir()),
        reason="no browser: tests/page/install_browser.sh installs what these tests need",
    ),
    pytest.mark.skipif(bool(os.environ.get("CI")), reason="no browser in CI"),
]
USED = {
    "s9": ("C6", (3, 4), (1, 5)),
    "resnet18": ("layer2.0.conv2", (3, 20), (20, 9)),
    "googlenet": ("inception4a.concat", (5, 1), (10, 10)),
    "unet": ("down3.conv.double_conv.0.conv", (9, 4), (20, 30)),
    "valid149k": ("T1.dilated", (3, 4), (15, 26)),
    "resnet50": ("layer3.0.conv2", (3, 4), (9, 12)),
}
"""A layer of each network, and two of its units."""
DEEP = [name for name in USED if name not in ("s9", "resnet50")]
CASES = ["s9", *(pytest.param(name, marks=pytest.mark.deep) for name in DEEP)]


Layer = tuple[str, tuple[int, ...], tuple[int, int], tuple[int, int]]


def layer_of(name: str) -> Layer:
    """The layer, its map's size, and the two units."""
    layer, one, other = USED[name]
    return layer, rfcalc.load(name)[layer].out.sizes, one, other


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


def used(
    folder: Path, names: list[str], *, look: bool = False, speed: bool = False, beside: str | None = None
) -> dict[str, Any]:
    """What happened to the pages of some networks, or of one beside another."""
    pages = []
    for name in names:
        path = folder / f"{name}.html"
        rfcalc.explore(*filter(None, (name, beside))).save(path)
        more = {"look": look, "speed": speed, "beside": beside}
        pages.append({"name": name, "path": str(path), "layers": layer_of(name), **more})
    return driven({"executable": CHROMIUM, "pages": pages, "shots": str(folder)})


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
"""An image of one pixel, as PNG."""


def driven(wanted: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run([NODE, str(HERE / "browser.mjs")], input=json.dumps(wanted), capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", CASES)
def test_a_page_answers_to_pointer_and_keys(name: str, folder: Path) -> None:
    found = used(folder, [name])[name]
    arch = rfcalc.load(name)
    layer, sizes, one, other = layer_of(name)
    row = arch[layer]

    def said(unit: tuple[int, int]) -> str:
        return expected_readout(arch, row, unit)

    assert found["notes"] == []  # no request, no word on the console
    assert found["start"].endswith("pixels read")
    assert found["chosen"].startswith(f"{layer} unit ")
    assert found["current"] == "true"
    assert found["hovered"] == said(one)
    assert found["pinned"] == [said(one), 1]
    assert found["dragged"] == [said(other), 1]
    moved = (max(other[0] - 1, 0), max(other[1] - 1, 0))
    assert found["keyed"] == [said(moved), 2]
    middle = re.match(rf"pixel (\d+),(\d+) is seen by (\d+) of {sizes[0] * sizes[1]} units of {layer}", found["pixel"])
    assert middle is not None, found["pixel"]
    assert int(middle[3]) == watching(arch, layer, (int(middle[1]), int(middle[2])))
    assert found["again"] == [said(moved), 2, found["pixel"]]
    assert found["next"][0].startswith(f"{arch.rows[row.index].name} unit ")
    assert found["next"][1] == 0
    assert found["sums"][0].startswith(f"{layer}: {row.layer.op} from ")
    assert found["sums"][1] == 0
    texts = [text.text for text in ET.fromstring(found["svg"]).iter("{http://www.w3.org/2000/svg}text")]
    assert any(text and text.startswith(said(moved)) for text in texts)


@pytest.mark.deep
def test_two_networks_side_by_side(folder: Path) -> None:
    found = used(folder, ["s9"], beside="c12")["s9"]
    assert found["notes"] == []
    assert found["both"]["tables"] == 2
    assert found["both"]["differing"] > 10
    assert found["both"]["other"].startswith("C3.conv unit ")
    assert found["both"]["address"].startswith("#net=1&layer=C3.conv")
    assert found["both"]["pins"] == ["s9: C6 unit 3,4", "c12: C3.conv unit 16,16"]


def watching(arch: rfcalc.Arch, layer: str, pixel: tuple[int, int]) -> int:
    """How many units of a layer see a pixel, by the engine: its boxes hold one point."""
    from rfcalc.engine.reach import reach

    seen = reach(arch, [[p] for p in pixel])[arch[layer].index]
    assert seen is not None
    units = set()
    for rows, columns in seen.boxes:
        units |= {(i, j) for i, a in enumerate(rows) if a for j, b in enumerate(columns) if b}
    return len(units)


@pytest.mark.deep
def test_it_fits_wide_and_narrow_screens_light_and_dark(folder: Path) -> None:
    found = used(folder, ["s9", "googlenet"], look=True)
    for name in ("s9", "googlenet"):
        assert len(found[name]["shots"]) == 4
        for path, width, wide in found[name]["shots"]:
            assert wide <= width, path
            assert Path(path).stat().st_size > 20_000


@pytest.mark.deep
def test_it_opens_and_moves_at_once(folder: Path) -> None:
    """In processor time of the page's thread: s9 opens within a second, a move over ResNet-50 takes at most
    33 ms in the median."""
    found = used(folder, ["s9", "resnet50"], speed=True)
    assert found["s9"]["speed"]["opened"] < 1000
    assert found["resnet50"]["speed"]["move"] < 33
    assert found["resnet50"]["notes"] == []


@pytest.mark.deep
def test_an_own_image_the_clipboard_and_print(folder: Path) -> None:
    path, image = folder / "more.html", folder / "own.png"
    rfcalc.explore("s9").save(path)
    image.write_bytes(base64.b64decode(PIXEL))
    page = {"name": "s9", "path": str(path), "layers": layer_of("s9"), "image": str(image)}
    found = driven({"executable": CHROMIUM, "pages": [page], "shots": str(folder)})["s9"]
    assert found["notes"] == []
    more = found["more"]
    assert more["image"] == f"data:image/png;base64,{PIXEL}"  # it is in the page alone
    assert rfcalc.loads(more["yaml"]).params == 180_298
    assert more["markdown"] == rfcalc.table("s9").to_text("markdown")
    assert more["hidden"] == ["none"] * 3
    assert more["footer"] == "static"
    assert more["pdf"] > 20_000


def test_a_notebook_frame_works(folder: Path) -> None:
    path = folder / "notebook.html"
    path.write_text(f"<!doctype html><title>cell</title>{rfcalc.explore('s9')._repr_html_()}", encoding="utf-8")
    found = driven({"executable": CHROMIUM, "frame": str(path)})["frame"]
    assert found["notes"] == []
    assert found["start"].startswith("C13 unit 1,1: ")
    assert found["chosen"].startswith("C6 unit ")


TYPED = "- conv: {name: new, out_channels: 16, kernel_size: 3, padding: 1}"


def test_the_live_page_is_edited_saved_and_repaired(folder: Path) -> None:
    pytest.importorskip("starlette")
    pytest.importorskip("uvicorn")
    text = (HERE.parent.parent / "archs" / "s9.yaml").read_text("utf-8")
    line = text[: text.index("name: C13")].count("\n") + 1
    file = folder / "live.yaml"
    file.write_text(text, encoding="utf-8")
    texts = {
        "broken": text.replace("kernel_size: 3, stride: 2, padding: 1}", "kernel_size: [3", 1),
        "missed": text.replace("min_receptive_field: 44", "min_receptive_field: 120"),
        "other": text.replace("name: s9", "name: other"),
    }
    live = Live(file)
    wanted = {"address": live.address, "file": str(file), "line": line, "typed": TYPED, "name": "new", "texts": texts}
    found = driven({"executable": CHROMIUM, "live": wanted})["live"]
    assert live.end() == (0, "")
    assert found["notes"] == []
    assert len(TYPED) > 50
    assert found["problems"] > 20  # most of what is typed is no network yet
    assert (found["pins"], found["readout"].startswith("C6 unit 3,3: ")) == (1, True)
    lines = text.splitlines(keepends=True)
    assert found["saved"] == "".join([*lines[:line], f"  {TYPED}\n", *lines[line:]])
    assert found["said"].startswith("line 26 not YAML")
    assert "drawn as far as this goes: up to line 26" in found["said"]
    assert found["marked"] >= 1
    assert found["layers"] == 8
    assert "The file has changed on disk" in found["clash"]
    assert found["kept"] == "s9"
    assert found["offered"].startswith("targets")
