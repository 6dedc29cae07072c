"""`rfcalc guard` on a repository made for it: what it tells of a change, in every form, and what it refuses."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from rfcalc.guard import annotation
from tests.command import run

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
SPEC = """\
name: small
input: [3, 8, 8]
layers:
- conv: {name: a, out_channels: 4, kernel_size: 3}
- conv: {name: b, out_channels: 4, kernel_size: 1}
targets: {max_params: 200}
"""  # 4*(27+1) + 4*(4+1) = 132; MACs 36*4*27 + 36*4*4 = 4,464
LARGER = SPEC.replace("name: b, out_channels: 4, kernel_size: 1", "name: b, out_channels: 4, kernel_size: 3")
# b: 4*(36+1) = 148, MACs 16*4*36 = 2,304; in all 260 and 6,192


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with two specs on main, one of them changed since, one gone, one new."""
    archs = tmp_path / "archs"
    archs.mkdir()
    (archs / "small.yaml").write_text(SPEC, encoding="utf-8")
    (archs / "gone.yaml").write_text(SPEC.replace("small", "gone"), encoding="utf-8")
    (archs / "same.yaml").write_text(SPEC.replace("small", "same"), encoding="utf-8")
    (archs / "other.yaml").write_text("services: {}\n", encoding="utf-8")
    git(tmp_path, "init", "-q", "-b", "main", ".")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    (archs / "small.yaml").write_text(LARGER, encoding="utf-8")
    (archs / "gone.yaml").unlink()
    (archs / "new.yaml").write_text(SPEC.replace("small", "new"), encoding="utf-8")
    return tmp_path


TEXT = """\
archs/gone.yaml: deleted: params 132, MACs 4,464, receptive field 3
archs/new.yaml: new: params 132, MACs 4,464, receptive field 3
archs/same.yaml: params 132, MACs 4,464, receptive field 3
archs/small.yaml: params 132 -> 260 (+97.0%), MACs 4,464 -> 6,192 (+38.7%), receptive field 3 -> 5 (+66.7%)
    b: N_out 6 -> 4, kernel 1 -> 3, r_out 3 -> 5, start 1.5 -> 2.5, params 20 -> 148, MACs 576 -> 2,304
  misses max_params 200: is 260
4 specs against main: 1 over budget or broken
"""


def test_each_spec_beside_what_it_was(folder: Path) -> None:
    done = run("guard", "archs", cwd=str(folder))
    assert (done.code, done.out, done.err) == (1, TEXT, "")
    done = run("guard", "archs/same.yaml", "archs/new.yaml", cwd=str(folder))
    assert (done.code, done.out.splitlines()[-1]) == (0, "2 specs against main: all within budget")
    assert run("guard", "small.yaml", cwd=str(folder / "archs")).out == "".join(TEXT.splitlines(True)[3:6]) + (
        "1 spec against main: 1 over budget or broken\n"
    )


def test_budgets_for_all(folder: Path) -> None:
    done = run("guard", "archs/same.yaml", "--max-macs", "4463", "--min-receptive-field", "4", cwd=str(folder))
    assert done.code == 1
    assert "  misses --max-macs 4,463: is 4,464\n  misses --min-receptive-field 4: is 3\n" in done.out
    assert run("guard", "archs/same.yaml", "--max-macs", "4464", cwd=str(folder)).code == 0


def test_as_json_markdown_and_annotations(folder: Path) -> None:
    found = json.loads(run("guard", "archs", "--format", "json", cwd=str(folder)).out)
    assert [(spec["path"], spec["status"]) for spec in found["specs"]] == [
        ("archs/gone.yaml", "deleted"),
        ("archs/new.yaml", "new"),
        ("archs/same.yaml", "same"),
        ("archs/small.yaml", "changed"),
    ]
    small = found["specs"][3]
    assert small["figures"]["params"] == {"old": 132, "new": 260}
    assert small["layers"][0]["change"]["kernel_size"] == ["1", "3"]
    text = run("guard", "archs", "--format", "markdown", cwd=str(folder)).out
    assert "| archs/small.yaml | changed | 132 → 260 (+97.0%) | 4,464 → 6,192 (+38.7%) |" in text
    assert "<details><summary>1 layer of archs/small.yaml</summary>\n\n|  | layer | " in text
    assert "| changed | b | 6 → 4 | 1 → 3 |" in text
    lines = run("guard", "archs", "--format", "github", cwd=str(folder)).out.splitlines()
    assert "::error file=archs/small.yaml,title=rfcalc guard::misses max_params 200: is 260" in lines
    assert len([line for line in lines if line.startswith("::notice ")]) == 3
    assert annotation("error", "a,b:c", "50%\nof it") == "::error file=a%2Cb%3Ac,title=rfcalc guard::50%25%0Aof it"


def test_a_broken_spec_is_told_with_its_line(folder: Path) -> None:
    (folder / "archs" / "small.yaml").write_text(SPEC.replace("kernel_size: 3", "kernal_size: 3"), encoding="utf-8")
    done = run("guard", "archs/small.yaml", cwd=str(folder))
    assert done.code == 1
    assert "archs/small.yaml: cannot be read\n  archs/small.yaml:4: a (conv): kernal_size: did you mean" in done.out


def test_what_cannot_be_compared_is_bad_input(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    bare = tmp_path_factory.mktemp("bare")
    done = run("guard", "x.yaml", cwd=str(bare))
    assert (done.code, done.err) == (
        2,
        f"rfcalc: {bare.resolve()} is not in a git repository: guard compares with a commit\n",
    )
    for arguments, fact in (
        (("archs", "--against", "nothing"), "--against nothing: there is no such commit, branch or tag here"),
        (("archs", "--against=--output=x"), "there is no such commit, branch or tag here"),
        (("none.yaml",), "none.yaml: no such file, now or in "),
        (("..",), "is not in the repository"),
    ):
        done = run("guard", *arguments, cwd=str(folder))
        assert (done.code, fact in done.err) == (2, True), done.err


def test_the_hooks_and_the_action_name_what_there_is() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert [hook["id"] for hook in hooks] == ["rfcalc-check", "rfcalc-audit"]
    for hook in hooks:
        program, verb = hook["entry"].split()
        assert (program, run(verb, "--help").code) == ("rfcalc", 0)
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    script = "\n".join(step["run"] for step in action["runs"]["steps"])
    assert action["runs"]["using"] == "composite"
    assert "rfcalc guard $SPECS --against" in script
    assert all(
        "${{" not in step["run"] for step in action["runs"]["steps"]
    )  # nothing of a pull request reaches a shell
