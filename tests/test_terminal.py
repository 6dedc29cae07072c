"""The command line as a terminal shows it: help, completion, the starter's schema, the doctor."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from rfcalc import doctor
from rfcalc.cli.app import app, first_sentence
from rfcalc.doctor import Examination, Package
from tests.command import run

VERBS = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]


def test_alone_it_prints_its_help() -> None:
    alone = run(COLUMNS="80")
    assert (alone.code, alone.err) == (0, "")
    assert alone.out == run("--help", COLUMNS="80").out
    assert run("--version").out.startswith("rfcalc ")
    assert run("nothing").code == 2


def test_the_list_of_verbs_is_whole_at_80_columns() -> None:
    out = run("--help", COLUMNS="80").out
    assert max(map(len, out.splitlines())) <= 80
    verbs = out.partition("Commands:")[2]
    assert "..." not in verbs
    assert "…" not in verbs
    flat = " ".join(out.split())
    for command in app.registered_commands:
        sentence = first_sentence((command.callback and command.callback.__doc__) or "")
        assert sentence
        assert sentence in flat


@pytest.mark.parametrize("verb", ["table", "check", "field", "sweep", "doctor"])
def test_the_help_of_a_verb_is_whole_at_80_columns(verb: str) -> None:
    assert verb in VERBS
    out = run(verb, "--help", COLUMNS="80").out
    assert not [line for line in out.splitlines()[1:] if line.rstrip().endswith(("...", "…"))]
    assert [line for line in out.splitlines() if len(line) > 80 and "|" not in line] == []  # but for a list of choices


def test_the_shell_completes_verbs() -> None:
    done = run(
        _RFCALC_COMPLETE="complete_bash", COMP_WORDS="rfcalc ta", COMP_CWORD="1", _TYPER_COMPLETE_ARGS="rfcalc ta"
    )
    assert done.code == 0
    assert "--install-completion" in run("--help").out


def test_a_new_spec_names_its_schema_and_brings_it(tmp_path: Path) -> None:
    assert run("new", "mine", cwd=str(tmp_path)).out == "mine.yaml\n"
    first = (tmp_path / "mine.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=rfcalc.schema.json"
    schema = tmp_path / "rfcalc.schema.json"
    assert json.loads(schema.read_text(encoding="utf-8"))["required"] == ["input", "layers"]
    schema.write_text("{}", encoding="utf-8")
    assert run("new", "other", cwd=str(tmp_path)).code == 0
    assert schema.read_text(encoding="utf-8") == "{}"  # one that is there is left alone


# --- the doctor ----------------------------------------------------------------------------------------------------


def test_doctor_tells_this_environment() -> None:
    done = run("doctor", "--format", "json")
    found = json.loads(done.out)
    assert (done.code, found["ok"]) == (0, True)
    assert re.fullmatch(r"3\.\d+\.\d+\S*", found["python"])
    assert set(found["cpu"]) == {"AVX2", "AVX512", "bf16", "AMX"}
    names = {package["name"]: package for package in found["packages"]}
    assert names["pyyaml"]["version"]
    assert names["pyyaml"]["extra"] is None
    shown = run("doctor").out
    assert f"Python {found['python']}" in shown
    assert re.search(r"^pyyaml +rfcalc +>=6 +\d", shown, re.M)


def examined(environment: str, *packages: Package) -> Examination:
    return Examination(
        "3.11.0", environment, "/home/me/tools/rf", "Linux x86_64", {"AVX2": True, "AMX": None}, packages
    )


YAML = Package("pyyaml", ">=6", "", "6.0")
TORCH = Package("torch", ">=2.4", "torch", None)


def test_missing_extras_are_no_failure_and_have_a_command() -> None:
    found = examined("venv", YAML, TORCH)
    assert found.ok
    assert found.missing == {"torch": ["torch>=2.4"]}
    assert shlex.split(found.command(["torch>=2.4"]))[-1] == "torch>=2.4"
    assert found.advice[0] == "to install what is missing:"
    assert found.lines[1] == "Linux x86_64; CPU: AVX2 yes, AMX –"
    assert examined("pipx", YAML, TORCH).command(["torch>=2.4"]) == "pipx inject rf 'torch>=2.4'"
    assert examined("venv", YAML).advice == ["nothing is missing"]


def test_rfcalc_itself_must_be_whole() -> None:
    broken = examined("venv", Package("pyyaml", ">=6", "", None), TORCH)
    assert not broken.ok
    assert broken.to_json()["missing"][0]["extra"] is None


def test_kinds_of_environment(tmp_path: Path) -> None:
    assert doctor.environment_of(tmp_path) == "system"
    (tmp_path / "pyvenv.cfg").touch()
    assert doctor.environment_of(tmp_path) == "venv"
    for mark, kind in (("uv-receipt.toml", "uv tool"), ("pipx_metadata.json", "pipx")):
        (tmp_path / mark).touch()
        assert doctor.environment_of(tmp_path) == kind
        (tmp_path / mark).unlink()


def test_features_are_what_the_kernel_says(tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    assert set(doctor.cpu_features(file).values()) == {None}
    file.write_text("model name\t: some\nflags\t\t: fpu avx2 avx512f amx_tile\n", encoding="utf-8")
    assert doctor.cpu_features(file) == {"AVX2": True, "AVX512": True, "bf16": False, "AMX": True}
    file.write_text("Features\t: fp asimd bf16\n", encoding="utf-8")
    assert doctor.cpu_features(file)["bf16"] is True


def test_requirements_are_read_with_their_extras() -> None:
    found = doctor.packages_of(
        ["typer<0.29,>=0.15", 'rfcalc-toolkit[torch]; extra == "all"', 'nothing-of-that-name>=1; extra == "x"']
    )
    assert [(p.name, p.wanted, p.extra) for p in found] == [
        ("typer", "<0.29,>=0.15", ""),
        ("nothing-of-that-name", ">=1", "x"),
    ]
    assert found[1].version is None
