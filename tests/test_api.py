"""The Python API: `dir(rfcalc)` is what is public, each function has an example that runs, and little is loaded."""

import doctest
import inspect
import subprocess
import sys
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc import api
from rfcalc.errors import RfcalcError

from .command import run

PACKAGE = Path(rfcalc.__file__).parent
FUNCTIONS = [
    "audit", "build", "check", "compare", "dump", "effective_field", "explain", "explore", "findings", "infer",
    "load", "loads", "names", "schema", "table", "trace",
]  # fmt: skip
TYPES = [
    "Arch", "Audit", "Comparison", "EffectiveField", "Finding", "Inference", "MissingExtra", "ModuleReport",
    "Network", "Node", "Page", "ReceptiveField", "Report", "RfcalcError", "Row", "SettingError", "ShapeError",
    "SpecError",
    "Table",
]  # fmt: skip
NEED_TORCH = ("build", "check", "effective_field", "trace", "EffectiveField", "Network", "Report")


def public(name: str) -> Any:
    if name in NEED_TORCH:
        pytest.importorskip("torch")
    return getattr(rfcalc, name)


def test_dir_is_what_is_public() -> None:
    assert dir(rfcalc) == sorted([*FUNCTIONS, *TYPES])
    assert rfcalc.__all__ == dir(rfcalc)
    with pytest.raises(AttributeError, match="has no attribute 'tabel'"):
        rfcalc.tabel  # noqa: B018


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_module_hides_a_function(name: str) -> None:
    assert not (PACKAGE / name).exists()
    assert not (PACKAGE / f"{name}.py").exists()


@pytest.mark.parametrize("name", [*FUNCTIONS, *TYPES])
def test_everything_public_is_explained(name: str) -> None:
    assert len((public(name).__doc__ or "").split()) > 5


@pytest.mark.parametrize("name", TYPES)
def test_every_member_is_explained(name: str) -> None:
    members = {key: getattr(value, "fget", getattr(value, "func", value)) for key, value in vars(public(name)).items()}
    bare = [key for key, value in members.items() if key[0] != "_" and callable(value) and not inspect.getdoc(value)]
    assert not set(bare) - {"forward"}  # torch's own


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_an_example_that_runs(name: str) -> None:
    (example,) = doctest.DocTestFinder(recurse=False).find(public(name), name, globs=vars(api).copy())
    assert example.examples
    assert doctest.DocTestRunner(verbose=False).run(example).failed == 0


def test_importing_loads_nothing_heavy() -> None:
    """Not even the engine, until something is asked for; the functions that need no torch load none."""
    code = """
import sys
import rfcalc
assert not [m for m in sys.modules if m.startswith("rfcalc.")], "import"
arch = rfcalc.load("s9")
print(rfcalc.table(arch), rfcalc.findings(arch), rfcalc.compare(arch, "c12"))
print(rfcalc.explain(arch, "C1"), rfcalc.schema())
rfcalc.audit(rfcalc.table(arch).to_torchsummary())
print(*[m for m in ("torch", "numpy", "pandas", "matplotlib", "albumentations") if m in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""


def test_reports_print_as_their_verbs_do() -> None:
    pytest.importorskip("torch")
    shown = str(rfcalc.check("mnist28"))
    assert run("check", "mnist28").out.rstrip("\n") == shown
    bundle = rfcalc.check("mnist28")._repr_mimebundle_(include=None)
    assert bundle == {"text/plain": shown, "text/html": f"<pre>{escape(shown)}</pre>"}
    text = "| layer | kernel | r_in | r_out |\n|--|--|--|--|\n| a | 3 | 1 | 3 |\n| b | 3 | 3 | 6 |\n"
    assert run("audit", "-", stdin=text).out.rstrip("\n") == str(rfcalc.audit(text))


def test_a_network_prints_as_a_few_lines() -> None:
    arch = rfcalc.load("s9")
    assert str(arch).splitlines() == [
        "s9: input 3x32x32, output 10x1x1",
        "params 180,298, MACs 33,771,936",
        "receptive field 103 before global pooling, 119 after",
    ]
    assert repr(arch) == f"<Arch s9: {len(arch.nodes)} layers, input 3x32x32>"
    assert repr(arch.rows[0]) == "<Row 1 C1.conv: conv -> 32x32x32>"
    assert str(arch["C1.relu"]) == (
        "C1.relu (relu): 32x32x32 -> 32x32x32, jump 1, r 3, params 0, MACs 0"
    )  # fmt: skip


def test_an_arch_is_a_target_too() -> None:
    arch = rfcalc.load("s9")
    assert rfcalc.load(arch) is arch
    assert rfcalc.load(arch, (3, 64, 64)).macs == rfcalc.load("s9", (3, 64, 64)).macs
    assert rfcalc.table(arch).arch is arch


@pytest.mark.skipif(not find_spec("torch"), reason="needs torch")
def test_a_module_is_a_target_too() -> None:
    from torch import nn

    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
    assert rfcalc.table(module, (3, 8, 8)).arch.params == 224
    assert rfcalc.effective_field(module, "0", (3, 8, 8), count=1).receptive_field == (3, 3)
    with pytest.raises(RfcalcError, match="Sequential: say what it is given with input"):
        rfcalc.load(module)
