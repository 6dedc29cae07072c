"""`pytest --rfcalc`, run as a user runs it; and what it costs those who do not."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPEC = """\
name: small
input: [3, 8, 8]
layers:
- conv: {name: a, out_channels: 4, kernel_size: 3}
- conv: {name: b, out_channels: 4, kernel_size: 1}
claims: {params: 132, test_accuracy: 80}
targets: {min_receptive_field: 3, max_params: 200}
"""  # 4*(27+1) + 4*(4+1)
PROOF = "s" if find_spec("torch") is None else "."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(SPEC, encoding="utf-8")
    return tmp_path


def pytest_run(folder: Path, *arguments: str) -> tuple[int, str]:
    """Whether the plugin is installed with rfcalc or not, it is loaded once, and no other is."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:rfcalc",
        "-p",
        "rfcalc.testing.plugin",
        "-p",
        "no:cacheprovider",
    ]
    path = f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv = {['pytest', *command[3:], *arguments]!r}; "
    code = path + "import pytest; sys.exit(pytest.main())"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_spec_is_four_tests(folder: Path) -> None:
    code, out = pytest_run(folder, "--rfcalc", "small.yaml", "-v", "-rs")
    assert code == 0, out
    assert [line.split()[0] for line in out.splitlines() if line.startswith("small.yaml::")] == [
        f"small.yaml::{name}" for name in ("table", "claims", "targets", "proof")
    ]
    assert "no table is kept in __tables__/small.csv: --rfcalc-update keeps this one" in out
    assert ("2 passed, 2 skipped" if PROOF == "s" else "3 passed, 1 skipped") in out
    assert PROOF == "." or "the proof needs torch, which is not installed: " in out


def test_a_table_that_changes_says_where(folder: Path) -> None:
    assert pytest_run(folder, "--rfcalc-update", "small.yaml", "-k", "table")[0] == 0
    kept = folder / "__tables__" / "small.csv"
    assert kept.read_text(encoding="utf-8").splitlines()[0].startswith("name,op,n_in,n_out,")
    code, out = pytest_run(folder, "--rfcalc", "small.yaml", "-k", "table")
    assert (code, "1 passed" in out) == (0, True)
    changed = SPEC.replace("kernel_size: 1}", "kernel_size: 3}").replace("name: a", "name: first")
    (folder / "small.yaml").write_text(changed, encoding="utf-8")
    code, out = pytest_run(folder, "--rfcalc", "small.yaml", "-k", "table")
    assert code == 1
    assert "small: 3 layers differ from __tables__/small.csv (- kept, + new)" in out
    assert "+ first: operation conv, N_out 6, Ch_out 4, r_out 3, params 112, MACs 3,888\n" in out
    assert "- a: operation conv, N_out 6, Ch_out 4, r_out 3, params 112, MACs 3,888\n" in out
    assert (
        "  b: N_out 6 -> 4, kernel 1 -> 3, r_out 3 -> 5, start 1.5 -> 2.5, params 20 -> 148, MACs 576 -> 2,304\n" in out
    )
    assert "if this is meant, --rfcalc-update keeps the new table" in out
    assert "Traceback" not in out
    assert pytest_run(folder, "--rfcalc-update", "small.yaml", "-k", "table")[0] == 0
    assert pytest_run(folder, "--rfcalc", "small.yaml", "-k", "table")[0] == 0
    kept.write_text("nothing\n", encoding="utf-8")
    assert "__tables__/small.csv: is no table of rfcalc" in pytest_run(folder, "--rfcalc", "small.yaml")[1]


def test_claims_and_targets_that_do_not_hold(folder: Path) -> None:
    wrong = SPEC.replace("params: 132", "params: 130").replace("min_receptive_field: 3", "min_receptive_field: 4")
    (folder / "small.yaml").write_text(wrong, encoding="utf-8")
    code, out = pytest_run(folder, "--rfcalc", "small.yaml", "-k", "claims or targets")
    assert code == 1
    assert "small states:\n  params 130, but is 132\n" in out
    assert "small demands:\n  min_receptive_field 4, but is 3\n" in out
    assert "small.yaml looks for the smallest change" in out
    assert "test_accuracy" not in out  # only training can tell
    assert "2 failed" in out


def test_the_proof_fails_where_torch_disagrees(folder: Path) -> None:
    pytest.importorskip("torch")
    (folder / "conftest.py").write_text(
        "from rfcalc.engine.layers import Conv\nConv.params = lambda self, x: 1\n",
        encoding="utf-8",
    )
    code, out = pytest_run(folder, "--rfcalc", "small.yaml", "-k", "proof")
    assert code == 1
    assert "small: torch disagrees\n" in out
    assert "Traceback" not in out


def test_a_file_with_problems_is_one_failing_test(folder: Path) -> None:
    (folder / "bad.yaml").write_text("input: [3, 8]\nlayers:\n- conv: {kernal_size: 3}\n", encoding="utf-8")
    code, out = pytest_run(folder, "--rfcalc", "bad.yaml")
    assert code == 1
    assert "bad.yaml:3: conv1 (conv): kernal_size: did you mean kernel_size?" in out
    assert "1 failed" in out


def test_folders_are_searched_for_specs_alone(folder: Path) -> None:
    (folder / "compose.yaml").write_text("services:\n  web: {image: x}\n", encoding="utf-8")
    family = "input: [3, 8, 8]\nchoices: {k: [1]}\nlayers:\n- relu\n"
    (folder / "family.yaml").write_text(family, encoding="utf-8")
    (folder / "test_own.py").write_text("def test_own():\n    pass\n", encoding="utf-8")
    code, out = pytest_run(folder, "--rfcalc", "-k", "not proof")
    assert (code, "3 passed, 1 skipped, 1 deselected" in out) == (0, True), out


def test_without_its_options_it_does_nothing(folder: Path) -> None:
    (folder / "test_own.py").write_text(
        "import sys\n\nheavy = ('rfcalc', 'torch', 'typer', 'yaml', 'hypothesis')\n\n\ndef test_own():\n"
        "    loaded = [m for m in sys.modules if m.split('.')[0] in heavy]\n"
        "    assert sorted(loaded) == ['rfcalc', 'rfcalc.testing', 'rfcalc.testing.plugin']\n",
        encoding="utf-8",
    )
    code, out = pytest_run(folder, "-p", "no:hypothesispytest")
    assert (code, "1 passed" in out) == (0, True), out


def test_it_is_installed_with_rfcalc() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"rfcalc": "rfcalc.testing.plugin"}
    assert "testing" in project["optional-dependencies"]["all"][0]
