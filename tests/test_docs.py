"""The documentation runs: each console session gives what it shows, each YAML spec loads, each doctest holds."""

import doctest
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rfcalc
from rfcalc.report import claims

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
NEEDED = {"interchange": "onnx"} | dict.fromkeys(
    ("measure", "network", "proof", "replay", "source", "tracing"), "torch"
)
"""What rooms and files need whose examples run only where it is installed."""
FOLDER = ROOT / "rfcalc"
MODULES = [path for path in sorted(FOLDER.rglob("*.py")) if "train" not in path.relative_to(FOLDER).parts]
DOCTESTS = [
    ".".join(path.relative_to(FOLDER).with_suffix("").parts).removesuffix(".__init__")
    for path in MODULES
    if ">>> " in path.read_text(encoding="utf-8") and path.name != "api.py"  # whose examples test_api.py runs
]


def fenced(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)


def sessions() -> list[tuple[str, str, str]]:
    """Every `$ command` in a console block, with the output that is shown for it."""
    blocks = [(page.name, block) for page in PAGES for block in fenced(page, "console")]
    shown = r"^\$ (.*)\n((?:(?!\$ ).*\n)*)"
    return [(page, command, output) for page, block in blocks for command, output in re.findall(shown, block, re.M)]


@pytest.mark.parametrize(("page", "command", "shown"), sessions())
def test_console_sessions(page: str, command: str, shown: str, tmp_path: Path) -> None:
    if re.match(r"python |rfcalc (check|field|convert|code|train)|rfcalc \S+ \S+\.py:", command):
        pytest.importorskip("torch")
    if command.startswith("rfcalc plot"):
        pytest.importorskip("matplotlib")
        pytest.importorskip("torch" if "effective" in command else "matplotlib")
    source = ROOT / page if page == "README.md" else ROOT / "docs" / page
    for block in [*fenced(source, "python"), *fenced(source, "yaml")]:
        if named := re.match(r"# (\w+\.(?:py|yaml))\n", block):
            (tmp_path / named[1]).write_text(block, encoding="utf-8")
    env = {k: v for k, v in os.environ.items() if k != "COLUMNS"}
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env["PATH"]])
    done = subprocess.run(
        command,
        shell=True,
        cwd=tmp_path,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    printed = "\n".join(line.rstrip() for line in done.stdout.splitlines())
    assert printed.rstrip() == shown.rstrip(), page


def test_there_are_sessions_and_specs_to_run() -> None:
    assert len(sessions()) >= 4
    assert len(specs()) >= 2


def specs() -> list[tuple[str, str]]:
    return [(page.name, block) for page in PAGES for block in fenced(page, "yaml") if is_spec(block)]


def is_spec(block: str) -> bool:
    """Whether a block of YAML is one network; a family of them is what design.md's sessions are about."""
    return "\nlayers:" in block and "\nchoices:" not in block


@pytest.mark.parametrize(("page", "text"), specs())
def test_specs_load_and_keep_what_they_state(page: str, text: str) -> None:
    arch = rfcalc.loads(text, page)
    stated = [*claims.claims_of(arch), *claims.targets_of(arch)]
    assert all(c.holds is not False for c in stated) or arch.name == "mine"  # which is repaired


@pytest.mark.parametrize("module", DOCTESTS)
def test_doctests(module: str) -> None:
    if package := NEEDED.get(module) or NEEDED.get(module.partition(".")[0]):
        pytest.importorskip(package)
    found = doctest.testmod(importlib.import_module(f"rfcalc.{module}"))
    assert found.failed == 0
    assert found.attempted > 0


def test_python_in_the_readme_runs() -> None:
    pytest.importorskip("torch")
    for block in fenced(ROOT / "README.md", "python"):
        exec(compile(block, "README.md", "exec"), {})


def test_the_list_of_layers_is_complete() -> None:
    from rfcalc.engine.layers import LAYERS

    page = (ROOT / "docs" / "spec.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\b[a-z_0-9]+\b", "\n".join(line for line in page.splitlines() if line.startswith("| "))))
    assert set(LAYERS) <= named


def test_the_layer_that_is_shown_whole_is_the_one_in_the_code() -> None:
    (shown,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "new-layer.md").read_text(encoding="utf-8"), re.S)
    assert shown in (Path(rfcalc.__file__).parent / "engine" / "layers" / "pooling.py").read_text(encoding="utf-8")


def test_links_point_at_files() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), (page.name, target)
