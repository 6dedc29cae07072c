"""The page as a file: the contract of its elements, what it may load, hostile names, its size, its built parts."""

import base64
import hashlib
import json
import re
import runpy
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

import rfcalc
from rfcalc.engine.arch import Arch
from rfcalc.errors import RfcalcError
from rfcalc.page import Page, explore
from rfcalc.page.markup import Markup, tag
from rfcalc.page.taps import countable, steps_json
from tests.command import run

ROOT = Path(__file__).parent.parent.parent
WEB = ROOT / "rfcalc" / "page" / "web"
STRIP = """
name: strip
input: [2, 64]
layers:
  - conv: {name: a, out_channels: 4, kernel_size: 3, padding: 2, dilation: 2}
  - conv: {name: b, out_channels: 4, kernel_size: 3, stride: 2}
targets: {min_receptive_field: 100, max_params: 1000, must_use: [dilation]}
"""
VOLUME = """
name: volume
input: [1, 8, 12, 16]
layers:
  - conv: {name: a, out_channels: 4, kernel_size: 3, padding: 1}
  - max_pool: {name: pool, kernel_size: [1, 2, 2]}
"""
PLAIN = "{name: plain, input: [1, 8, 8], layers: [conv: {out_channels: 2, kernel_size: 3}, relu, conv: {out_channels: 2, kernel_size: 1}]}"  # fmt: skip # noqa: E501
NAMES = ("</script><script>alert(1)</script>", '"><img src=http://x.test onerror=alert(1)>', "]]>&amp;'\u2028<!--")


class Elements(HTMLParser):
    """All elements of a page with their attributes, and the text of the scripts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self.open = tag
        if tag in ("script", "style"):
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.open in ("script", "style"):
            self.scripts[-1] += data

    def handle_endtag(self, tag: str) -> None:
        self.open = ""

    def values(self, name: str) -> list[str | None]:
        return [attributes[name] for _, attributes in self.found if name in attributes]


def hostile() -> Arch:
    """A network such as a traced module may be: a spec takes words only."""
    plain = rfcalc.loads(PLAIN)
    nodes = tuple(replace(node, name=name) for node, name in zip(plain.nodes, NAMES, strict=True))
    return replace(plain, name="</title><script>alert(1)</script>", nodes=nodes)


def data_of(page: Page) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="rfcalc-data">(.*?)</script>', page.html, re.S)
    assert found is not None
    return dict(json.loads(found[1]))


# --- the contract -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["s9", "unet", "valid149k"])
def test_every_layer_has_its_element_and_the_data_is_the_tables(name: str) -> None:
    arch = rfcalc.load(name)
    page = explore([arch])
    assert Elements(page.html).values("data-layer") == [row.name for row in arch.rows]
    assert data_of(page)["networks"] == [arch.table().to_json()]
    assert page.html.count('id="readout"') == 1


def test_the_data_is_what_the_command_prints(tmp_path: Path) -> None:
    assert run("explore", "s9", "-o", str(tmp_path / "s9.html")).code == 0
    page = Page(("s9",), (tmp_path / "s9.html").read_text("utf-8"))
    assert data_of(page)["networks"] == [json.loads(run("table", "s9", "--format", "json").out)]


def test_nothing_is_loaded_from_anywhere() -> None:
    for page in (explore([rfcalc.load("s9")]), explore([hostile()])):
        elements = Elements(page.html)
        addresses = [*elements.values("src"), *elements.values("href")]
        assert addresses
        assert all(str(address).startswith(("#", "data:,")) for address in addresses)
        policy = next(a["content"] for _, a in elements.found if a.get("http-equiv") == "Content-Security-Policy")
        assert policy is not None
        assert "default-src 'none'" in policy
        assert not {"connect-src", "'unsafe-inline'", "'unsafe-eval'", "http:", "https:"} & set(policy.split())
        assert not [name for _, attributes in elements.found for name in attributes if name.startswith(("on", "style"))]


def test_the_policy_names_this_very_script_and_style() -> None:
    page = explore([rfcalc.load("mnist28")])
    for element in ("style", "script"):
        (text,) = re.findall(rf"<{element}>(.*?)</{element}>", page.html, re.S)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}'" in page.html.replace("&#x27;", "'")


def test_hostile_names_are_text() -> None:
    page = explore([hostile(), hostile()])
    elements = Elements(page.html)
    assert [name for name, _ in elements.found].count("script") == 2
    assert "img" not in [name for name, _ in elements.found]
    assert set(elements.values("data-layer")) == set(NAMES)
    networks = data_of(page)["networks"]
    assert isinstance(networks, list)
    assert [layer["name"] for layer in networks[0]["layers"]] == list(NAMES)


def test_a_tag_escapes_all_that_is_no_markup() -> None:
    assert tag("p", "<b>", Markup("<i></i>"), title='"', hidden=None) == '<p title="&quot;">&lt;b&gt;<i></i></p>'


# --- what it says -------------------------------------------------------------------------------------------------


def test_targets_are_met_or_missed_in_words_and_colour() -> None:
    html = explore([rfcalc.loads(STRIP)]).html
    assert '<li class="target missed"><b>missed</b> receptive field before global pooling, at least 100: 7</li>' in html
    assert '<li class="target met"><b>met</b> parameters, at most 1,000: 80</li>' in html


def test_findings_link_to_their_layers() -> None:
    html = explore([rfcalc.load("s9")]).html
    assert '<a href="#net=0&amp;layer=C11.conv">C11.conv</a>' in html


def test_two_networks_have_their_differing_rows_marked() -> None:
    one = rfcalc.loads(STRIP)
    other = rfcalc.loads(STRIP.replace("stride: 2", "stride: 4").replace("name: strip", "name: other"))
    html = explore([one, other]).html
    rows = re.findall(r'<tr class="differs" data-layer="(\w+)"', html)
    assert rows == ["b", "b"]
    assert '<td class="right changed">4</td>' in html
    assert '<td class="right changed">2</td>' in html
    same = explore([one, one]).html
    assert 'class="differs"' not in same
    assert 'class="only"' not in same


@pytest.mark.parametrize("text", [STRIP, VOLUME])
def test_one_and_three_axes(text: str) -> None:
    arch = rfcalc.loads(text)
    page = explore([arch])
    assert Elements(page.html).values("data-layer") == ["a", "b"] or Elements(page.html).values("data-layer") == [
        "a",
        "pool",
    ]
    assert [len(sizes) for sizes in steps_json(arch)["sizes"]] == [len(arch.sizes)] * 3


def test_what_nobody_knows_is_no_tap() -> None:
    text = """
input: [4, 8, 8]
layers:
  - conv: {name: a, out_channels: 4, kernel_size: 3, padding: 1}
  - whole: {name: attention, operation: attention}
  - conv: {name: b, out_channels: 4, kernel_size: 1}
  - opaque: {name: fft, operation: fft}
  - conv: {name: c, out_channels: 4, kernel_size: 3, padding: 1}
"""
    arch = rfcalc.loads(text)
    steps = steps_json(arch)["steps"]
    assert [step["reads"] is None for step in steps] == [False, False, False, True, True]
    assert countable(arch) == [True, False, False, False, False]
    assert "unknown (fft)" in explore([arch]).html


# --- the file -----------------------------------------------------------------------------------------------------


def test_sizes() -> None:
    assert len(explore([rfcalc.load("s9")]).html.encode()) < 300_000
    assert len(explore([rfcalc.load("resnet50")]).html.encode()) < 1_500_000


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RfcalcError, match=r"x\.svg: a page is written as \.html"):
        rfcalc.explore("s9").save(tmp_path / "x.svg")
    with pytest.raises(RfcalcError, match="one network, or two side by side, not 3"):
        rfcalc.explore("s9", "s9", "s9")
    done = run("explore", "s9", "-o", str(tmp_path / "none" / "x.html"))
    assert done.code == 2
    assert done.err == f"rfcalc: {tmp_path}/none/x.html: No such file or directory\n"


def test_a_notebook_shows_and_keeps_it() -> None:
    page = rfcalc.explore("mnist28")
    frame = Elements(page._repr_html_()).found
    assert [name for name, _ in frame] == ["iframe"]
    assert frame[0][1]["srcdoc"] == page.html
    assert "allow-same-origin" not in str(frame[0][1]["sandbox"])


def test_a_torch_module_has_a_page() -> None:
    nn = pytest.importorskip("torch.nn")
    page = rfcalc.explore(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(2)), input=(3, 8, 8))
    assert Elements(page.html).values("data-layer") == ["0", "1"]


def test_the_page_needs_nothing_heavy() -> None:
    script = (
        "import sys, rfcalc; rfcalc.explore('s9'); print({'torch', 'numpy', 'pandas', 'matplotlib'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


# --- built parts --------------------------------------------------------------------------------------------------

needs_sources = pytest.mark.skipif(
    not WEB.is_dir(), reason="the page's sources are not here: this is an installed package"
)


@needs_sources
def test_the_built_parts_are_the_sources_put_together() -> None:
    bundle = runpy.run_path(str(WEB / "bundle.py"))
    built = {path.name: path.read_bytes() for path in (WEB.parent / "built").iterdir()}
    assert built == {name: text.encode() for name, text in bundle["built_files"]().items()}


@needs_sources
def test_the_bundler_refuses_two_owners_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = runpy.run_path(str(WEB / "bundle.py"))
    text_of = bundle["module_text"]
    more = {"heat.js": "\nexport function placeOf() {}\n"}
    monkeypatch.setitem(bundle["script"].__globals__, "module_text", lambda name: text_of(name) + more.get(name, ""))
    with pytest.raises(ValueError, match=r"placeOf is declared in (follow|heat)\.js and in (follow|heat)\.js"):
        bundle["script"]()


def licence_of(name: str) -> str:
    return f"LICENSE.{name.removeprefix('@').replace('/', '-')}"


@needs_sources
def test_vendored_files_are_named_with_version_and_licence() -> None:
    said = json.loads((WEB / "vendor" / "versions.json").read_text("utf-8"))
    packages = said["packages"]
    files = {each["held"] for each in packages.values()} | {licence_of(name) for name in packages}
    assert files | {"versions.json"} == {path.name for path in (WEB / "vendor").iterdir()}
    for name, each in packages.items():
        assert each["version"]
        assert each["licence"] in ("MIT", "Apache-2.0")
        assert each["integrity"].startswith("sha512-")
        holders = ("explore.js", "live.js") if each["held"] == "htm-preact.js" else ("live.js",)
        for script in holders:
            text = (WEB.parent / "built" / script).read_text("utf-8")
            licence = (WEB / "vendor" / licence_of(name)).read_text("utf-8")
            assert f"{name} {each['version']} ({each['licence']})" in text
            assert all(line.strip() in text for line in licence.splitlines())


@needs_sources
def test_the_editor_is_in_the_live_page_alone() -> None:
    assert "cm-content" not in (WEB.parent / "built" / "explore.js").read_text("utf-8")
    assert "cm-content" in (WEB.parent / "built" / "live.js").read_text("utf-8")


@needs_sources
def test_the_bundler_refuses_what_would_end_the_script(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = runpy.run_path(str(WEB / "bundle.py"))
    text_of = bundle["module_text"]
    more = {"heat.js": '\nconst end = "</SCRIPT>";\n'}
    monkeypatch.setitem(bundle["script"].__globals__, "module_text", lambda name: text_of(name) + more.get(name, ""))
    with pytest.raises(ValueError, match=r"explore\.js: it holds </script"):
        bundle["script"]()


def test_the_wheel_holds_the_built_parts() -> None:
    import tomllib

    setup = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    assert "rfcalc.page" in setup["packages"]
    assert setup["package-data"]["rfcalc.page"] == ["built/*"]
