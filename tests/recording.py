"""What every verb prints, in every format, as files: two recordings, before and after a change, show what a user sees.

    python tests/recording.py OUT [--only GROUP] [--documents FILE …]     records
    python tests/recording.py --compare A B                               shows what differs, exit code 1 if anything

Seconds, speeds, paths and trained accuracies are masked. tests/recording_changes.txt lists the wordings that were meant
to change (`old => new`, applied to the first recording; regular expressions): what is left is a difference. The verbs
run in this process through the command line alone, so an older rfcalc can be recorded with this file as well:
`PYTHONPATH=older/checkout python tests/recording.py OUT`.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import importlib
import io
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
CHANGES = HERE / "recording_changes.txt"
FORMATS = ("rich", "markdown", "csv", "json", "html", "latex", "torchsummary")
SMALL = ("c12", "dilated93", "mnist28", "s9", "valid149k")
"""Specs that are quick to measure."""
Calls = Iterator[tuple[str, list[str]]]

MASKS = (
    (r"\b\d+(\.\d+)?(e-\d+)? (s|min|ms|images/s)\b", "# \\3"),
    (r"\b\d+ h \d+ min\b", "# min"),
    (r"\d+(\.\d+)? %", "# %"),
    (r"(bf16|float32)[^\n]*(times as fast|channels_last|AVX512|AMX)[^\n]*", "PRECISION"),
    (r"\d{4}-\d\d-\d\dT[\d:.+]+", "DATE"),
)


def specs() -> Calls:
    names = sorted(path.stem for path in (HERE.parent / "archs").glob("*.yaml"))
    names = [name for name in names if not name.startswith("ours_")]
    for name in names:
        for form in FORMATS:
            yield f"{name}.table", ["table", name, "--format", form]
            yield f"{name}.table_all", ["table", name, "--format", form, "--all"]
        yield f"{name}.convert", ["convert", name]
        yield f"{name}.compare", ["compare", name, "s9"]
        yield f"{name}.check", ["check", name]
        yield f"{name}.check", ["check", name, "--format", "json"]
    for name in SMALL:
        yield f"{name}.field", ["field", name, "--format", "json", "--count", "2"]
        yield f"{name}.field", ["field", name, "--count", "2"]
    for form in FORMATS[:-1]:
        yield "list", ["list", "--format", form]
        yield "compare", ["compare", "s9", "dilated93", "vgg16", "--format", form]
    yield "schema", ["schema"]


def explained() -> Calls:
    """Every layer of the small specs as arithmetic."""
    import rfcalc

    for name in (*SMALL, "googlenet", "unet"):
        for row in rfcalc.load(name).rows:
            yield f"{name}.explain", ["explain", name, row.name]


def modules() -> Calls:
    """Layouts of public models, students' modules, and the cases, as a user names them."""
    from tests.models import LAYOUTS
    from tests.student_models import CASES

    lines = ["from tests.models import LAYOUTS", "from tests.student_models import CASES"]
    targets: list[tuple[str, str]] = []
    for name, (_, shape, *_rest) in LAYOUTS.items():
        lines.append(f"layout_{name} = LAYOUTS[{name!r}][0]")
        targets.append((f"layout_{name}", ",".join(map(str, shape))))
    for number, (name, case) in enumerate(CASES.items()):
        lines.append(f"student_{number} = CASES[{name!r}].make")
        targets.append((f"student_{number}", ",".join(map(str, case.shape))))
    file = Path(tempfile.gettempdir()) / "rfcalc_recording_models.py"
    file.write_text("\n".join(lines), "utf-8")
    for name, given in targets:
        for verb in (["table"], ["table", "--format", "json"], ["convert"]):
            yield name, [verb[0], f"{file}:{name}", "--input", given, *verb[1:]]
        if name.startswith("student"):
            yield name, ["check", f"{file}:{name}", "--input", given, "--format", "json"]


def cases() -> Calls:
    from tests.cases import CASES, FOLDER

    for case in CASES:
        target = case.target if case.target.endswith((".yaml", ".yml")) else f"{FOLDER}/{case.target}"
        given = [word for shape in case.inputs for word in ("--input", shape)]
        for verb in ("table", "check", "field"):
            yield case.target.replace("/", "_").replace(":", "."), [verb, target, *given]


def documents(extra: list[str]) -> Calls:
    from tests.cases import DOCUMENTS, FOLDER

    files = [*(str(FOLDER / document.file) for document in DOCUMENTS), *extra, str(HERE.parent / "README.md")]
    for file in files:
        for verb in ("infer", "audit"):
            for form in ("rich", "json"):
                yield Path(file).name, [verb, file, "--format", form]


SLIPS = {
    "key": "input: [3, 8, 8]\nlayers:\n- conv: {out_channels: 8, kernal_size: 3}\n",
    "layer": "input: [3, 8, 8]\nlayers:\n- conf: {out_channels: 8, kernel_size: 3}\n",
    "groups": "input: [3, 8, 8]\nlayers:\n- conv: {out_channels: 8, kernel_size: 3, groups: 5}\n",
    "large": "input: [3, 8, 8]\nlayers:\n- conv: {out_channels: 8, kernel_size: 9}\n",
    "join": "input: [3, 8, 8]\nlayers:\n- conv: {name: a, out_channels: 8, kernel_size: 3}\n- add: [input, a]\n",
    "claim": "input: [3, 8, 8]\nclaims: {parms: 3}\nlayers: [relu]\n",
    "target": "input: [3, 8, 8]\ntargets: {min_field: 3}\nlayers: [relu]\n",
    "yaml": "input: [3, 8\nlayers: [relu]\n",
    "empty": "",
    "block": "input: [3, 8, 8]\nblocks: {b: {layers: [relu]}}\nlayers: [b: {x: 3}]\n",
}


def bad_input() -> Calls:
    folder = Path(tempfile.mkdtemp())
    for name, text in SLIPS.items():
        (folder / f"{name}.yaml").write_text(text, "utf-8")
        yield "bad_input", ["table", str(folder / f"{name}.yaml")]
    yield "bad_input", ["table", "s8"]
    yield "bad_input", ["table", "missing.yaml"]
    yield "bad_input", ["table", "s9", "--input", "3,4"]
    yield "bad_input", ["explain", "s9", "pol"]
    yield "bad_input", ["table", "missing.py:Net", "--input", "3,8,8"]
    yield "bad_input", ["infer", "missing.md"]
    yield "bad_input", ["audit", str(HERE / "oracle.py")]


def training() -> Calls:
    """A short run on synthetic data and what is made of it; its files are recorded after it."""
    run = str(Path(tempfile.mkdtemp()) / "run")
    yield (
        "train",
        [
            "train",
            "mnist28",
            "--data",
            "synthetic",
            "--recipe",
            "fast",
            "--epochs",
            "1",
            "--limit",
            "256",
            "--out",
            run,
        ],
    )
    yield "train", ["eval", run, "--data", "synthetic"]
    yield "train", ["export", run]
    yield "train", ["train", "mnist28", "--data", "synthetic", "--out", run]
    yield "train", ["preview", "mnist28", "--data", "synthetic", "-o", f"{run}/preview.png"]
    for name in ("report.md", "recipe.yaml", "spec.yaml"):
        yield f"train.{name}", ["FILE", f"{run}/{name}"]


def called(arguments: list[str]) -> str:
    """What a command prints and its exit code, masked."""
    from rfcalc import cli

    if arguments[0] == "FILE":
        path = Path(arguments[1])
        return masked(path.read_text("utf-8") if path.exists() else "missing")
    out, err, code = io.StringIO(), io.StringIO(), 0
    before, sys.argv = sys.argv, ["rfcalc", *arguments]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cli.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1 if end.code else 0
    except Exception as error:  # a traceback is what the user would see: it is recorded as such
        err.write(f"TRACEBACK {type(error).__name__}: {error}")
    finally:
        sys.argv = before
    return masked(f"exit code {code}\n{out.getvalue()}\n{err.getvalue()}")


def masked(text: str) -> str:
    for folder in (str(HERE.parent), tempfile.gettempdir()):
        text = re.sub(re.escape(folder) + r"(/tmp\w+)?", "FOLDER", text)
    for pattern, mask in MASKS:
        text = re.sub(pattern, mask, text)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def record(folder: Path, only: str | None, extra: list[str]) -> None:
    groups: dict[str, Callable[[], Calls]] = {
        "specs": specs, "explained": explained, "modules": modules, "cases": cases,
        "documents": lambda: documents(extra), "bad_input": bad_input, "training": training,
    }  # fmt: skip
    importlib.import_module("rfcalc.cli")  # the one to record, which need not be this checkout's
    sys.path.insert(0, str(HERE.parent))
    for group, calls in groups.items():
        if only and group != only:
            continue
        found: dict[str, list[str]] = {}
        for name, arguments in calls():
            shown = masked(" ".join(arguments)).strip()
            found.setdefault(name, []).append(f"$ rfcalc {shown}\n{called(arguments)}")
        for name, texts in found.items():
            (folder / group).mkdir(parents=True, exist_ok=True)
            (folder / group / f"{name}.txt").write_text("\n".join(texts), "utf-8")
        print(group, sum(map(len, found.values())), "calls", flush=True)


def meant(text: str) -> str:
    """A text of the first recording with the changes that were meant."""
    for line in CHANGES.read_text("utf-8").splitlines() if CHANGES.exists() else []:
        old, arrow, new = line.partition(" => ")
        if arrow and not line.startswith("# "):
            text = re.sub(old, new, text)
    return text


def compare(before: Path, after: Path) -> int:
    """Prints a unified diff of every file that differs; the number of such files."""
    names = sorted({str(p.relative_to(f)) for f in (before, after) for p in f.rglob("*.txt")})
    differing = 0
    for name in names:
        old, new = ((f / name).read_text("utf-8") if (f / name).exists() else "" for f in (before, after))
        lines = list(difflib.unified_diff(meant(old).splitlines(), meant(new).splitlines(), name, name, "", "", 1, ""))
        differing += bool(lines)
        print("\n".join(lines), end="\n" if lines else "")
    print(f"{differing} of {len(names)} files differ")
    return differing


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--only")
    parser.add_argument("--documents", nargs="*", default=[])
    given = parser.parse_args()
    if given.compare:
        return 1 if compare(*given.folders) else 0
    record(given.folders[0], given.only, given.documents)
    return 0


if __name__ == "__main__":
    sys.exit(main())
