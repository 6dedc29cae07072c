"""The verbs as a user meets them: output, messages, exit codes, and what they do not import."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rfcalc
from tests.command import run

HEAVY = ("torch", "numpy", "pandas", "matplotlib", "albumentations", "pydantic")


@pytest.mark.parametrize("verb", ["table s9", "list", "explain s9 C10", "compare s9 dilated93", "schema"])
def test_the_engines_verbs_import_nothing_heavy(verb: str) -> None:
    assert imported(f"sys.argv[1:] = {verb.split()}") == set()


def test_the_import_test_would_notice() -> None:
    """The test above can fail: a verb that reads a DataFrame is seen to import pandas."""
    code = "import rfcalc; rfcalc.load('s9').table().to_pandas(); sys.argv[1:] = ['schema']"
    assert imported(code) == {"pandas", "numpy"}


def imported(before: str) -> set[str]:
    """The heavy packages that are loaded after a verb has run in a process of its own."""
    code = f"""
import sys
from rfcalc.cli import main
{before}
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
sys.stderr.write(" ".join(m for m in {HEAVY} if m in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_table_by_name_and_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("{input: [3, 8, 8], layers: [conv: {out_channels: 2, kernel_size: 3}]}", encoding="utf-8")
    assert "mine: input 3x8x8, output 2x6x6" in run("table", str(path)).out
    assert run("table", "mine.yaml", cwd=str(tmp_path)).out == run("table", str(path)).out
    assert "s9: input 3x32x32, output 10x1x1" in run("table", "s9").out


def test_list_names_every_shipped_spec_and_its_source() -> None:
    found = json.loads(run("list", "--format", "json").out)
    assert [entry["name"] for entry in found] == rfcalc.names()
    assert all(entry["source"] for entry in found)
    assert "180,298" in run("list").out


def test_explain_shows_the_arithmetic() -> None:
    out = run("explain", "s9", "C10").out
    for line in (
        "n_out = floor((7 + 1 + 1 - 2*(3-1) - 1) / 2) + 1 = 3",
        "j_out = 4*2 = 8",
        "r_out = 39 + (3-1)*2*4 = 55",
        "start_out = 2.5 + ((3-1)*2/2 - 1)*4 = 6.5",
        "params = 32*(3*3*64 + 1) = 18,464",
        "macs = 3*3*32*3*3*64 = 165,888",
    ):
        assert f"  {line}\n" in out


def test_explain_an_unknown_layer_names_a_near_one() -> None:
    done = run("explain", "s9", "pol")
    assert (done.code, done.out) == (2, "")
    assert done.err == "rfcalc: s9 has no layer 'pol': did you mean pool?\n"


def test_networks_of_one_name_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("{name: s9, input: [3, 8, 8], layers: [relu]}")
    heads = run("compare", "other.yaml", "s9", "c12", "--format", "csv", cwd=str(tmp_path)).out.splitlines()[0]
    assert heads == ",s9 (other.yaml),s9 (s9.yaml),c12"


def test_a_family_is_no_network() -> None:
    done = run("table", "assignment")
    fact = "rfcalc: assignment is a family of networks, not one: rfcalc design assignment answers for it\n"
    assert (done.code, done.err) == (2, fact)


def test_compare_two_side_by_side() -> None:
    s9, dilated = json.loads(run("compare", "s9", "dilated93", "--format", "json").out)
    assert (s9["params"], dilated["params"]) == (180298, 150576)
    assert (s9["before_global_pool"], dilated["before_global_pool"]) == (103, 93)
    assert s9["fields_by_size"][1] == {"n": 16, "r": 15, "params": 46400}
    assert sum(stage["params"] for stage in s9["fields_by_size"]) + 650 == 180298  # the head sits after the pool
    out = run("compare", "s9", "dilated93").out
    assert re.search(r"params +180,298 +150,576", out)


def test_bad_input_is_one_message_and_exit_code_2(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("input: [3, 8, 8]\nlayers:\n- conv: {out_channels: 2, kernal_size: 3}\n", encoding="utf-8")
    done = run("table", str(path))
    assert (done.code, done.out) == (2, "")
    assert "bad.yaml:3: " in done.err
    assert "kernal_size: did you mean kernel_size?" in done.err
    assert "Traceback" not in done.err
    assert run("table", "s8").err.startswith("rfcalc: no such file and no shipped spec 's8': did you mean s9?")


def test_an_output_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    done = run("table", "s9", "--format", "csv", "-o", str(tmp_path / "no" / "table.csv"))
    assert done.code == 2
    assert "table.csv: No such file or directory" in done.err


def test_a_reader_that_stops_early_is_no_error() -> None:
    command = f"{sys.executable} -m rfcalc table vgg16 --all | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert done.stdout.startswith("layer")


def test_version_and_help() -> None:
    assert run("--version").out == f"rfcalc {rfcalc.__version__}\n"
    usage = run("--help").out
    for verb in ("table", "list", "explain", "compare", "schema"):
        assert re.search(rf"^ +{verb} +\w", usage, re.M)
        assert run(verb, "--help").code == 0


def test_another_input_in_place_of_a_specs_own() -> None:
    assert "s9: input 3x64x64, output 10x1x1" in run("table", "s9", "--input", "3,64,64").out
    assert run("table", "s9", "--input", "3,4,4").err.startswith("rfcalc: s9.yaml:")
    assert run("table", "s9", "--input", "3,64").err == "rfcalc: s9 takes an input of 3 numbers, not 2: [3, 64]\n"
    assert "must be channels and 1 to 3 sizes" in run("table", "s9", "--input", "big").err
