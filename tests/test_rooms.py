"""Who may import whom. Ranks go up; within one rank, and along any circle of files, nobody imports anybody."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RANKS = (
    {"errors"}, {"engine"}, {"spec", "network", "tracing"}, {"interchange"}, {"report", "zoo", "replay"},
    {"proof", "readme", "measure", "source"},
    {"drawing", "search"}, {"page", "testing"}, {"train"}, {"api", "doctor", "guard"}, {"cli"},
)  # fmt: skip
INSIDE = {"readme": ("read", "infer", "audit"), "train": ("recipe", "data", "fit", "report", "run", "sweep")}
LIGHT = {"errors", "engine", "spec", "report", "zoo", "readme", "search", "api", "doctor", "guard", "cli"}
HEAVY = {"torch", "numpy", "pandas", "matplotlib", "albumentations", "cv2"}
LAZY = {("engine.arch", "report.table")}
"""The one arrow upwards: `arch.table()`, `print` and the notebook load the report room when they are first used."""
DOORS = {"", "__main__"}
"""The package itself and `python -m rfcalc` may import anything."""


def modules() -> dict[str, ast.Module]:
    """Every module by its name after `rfcalc.`; train/ is the package rfcalc.train."""
    files = [*(ROOT / "rfcalc").glob("**/*.py"), *(ROOT / "train").glob("**/*.py")]
    places = [file.relative_to(ROOT / "rfcalc" if file.is_relative_to(ROOT / "rfcalc") else ROOT) for file in files]
    names = [".".join(place.with_suffix("").parts).removesuffix("__init__").rstrip(".") for place in places]
    return {name: ast.parse(file.read_text("utf-8")) for name, file in zip(names, files, strict=True)}


MODULES = modules()
PACKAGES = {name.rpartition(".")[0] for name in MODULES} | {""}


def imported(name: str, node: ast.AST) -> list[str]:
    """The modules of ours that an import statement names."""
    if isinstance(node, ast.Import):
        return [a.name.removeprefix("rfcalc").lstrip(".") for a in node.names if a.name.split(".")[0] == "rfcalc"]
    if not isinstance(node, ast.ImportFrom):
        return []
    above = name.split(".") if name in PACKAGES else name.split(".")[:-1]
    if node.level:
        stem = [*above[: len(above) - node.level + 1], *filter(None, [node.module])]
    elif (node.module or "").split(".")[0] == "rfcalc":
        stem = (node.module or "").split(".")[1:]
    else:
        return []
    return [full if (full := ".".join([*stem, a.name])) in MODULES else ".".join(stem) for a in node.names]


def arrows() -> set[tuple[str, str]]:
    """Every import of ours, lazy ones and those for types included."""
    return {(m, t) for m, tree in MODULES.items() for node in ast.walk(tree) for t in imported(m, node) if t != m}


def rank(name: str) -> tuple[int, int]:
    first, *rest = name.split(".")
    inside = INSIDE.get(first, ())
    within = inside.index(rest[0]) if rest and rest[0] in inside else len(inside)
    return next(i for i, rooms in enumerate(RANKS) if first in rooms), within


def upwards(found: set[tuple[str, str]]) -> list[str]:
    """Arrows that do not go down to a lower rank, or stay in their own room."""
    wrong = []
    for user, used in found - LAZY:
        if user in DOORS or used == "":
            continue
        same_room = user.split(".")[0] == used.split(".")[0]
        if rank(used) > rank(user) if same_room else rank(used)[0] >= rank(user)[0]:
            wrong.append(f"{user} -> {used}")
    return sorted(wrong)


def test_nothing_imports_upwards() -> None:
    assert upwards(arrows()) == []
    assert upwards({("engine.arch", "report.cells")}) == ["engine.arch -> report.cells"]  # the test can fail


def test_there_is_no_circle_of_files() -> None:
    graph: dict[str, set[str]] = {}
    for user, used in arrows() - LAZY:
        if user not in DOORS and used:
            graph.setdefault(user, set()).add(used)
    TopologicalSorter(graph).prepare()  # raises CycleError with the circle


def test_light_rooms_load_nothing_heavy() -> None:
    heavy = [
        f"{name}: {alias.name}"
        for name, tree in MODULES.items()
        if name.split(".")[0] in LIGHT
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in (node.names if isinstance(node, ast.Import) else [ast.alias(node.module or "")])
        if alias.name.split(".")[0] in HEAVY
    ]
    assert heavy == []


ROOMS = sorted({name.rpartition(".")[0] for name in MODULES} - {"", "train", "page.web"})
"""Folders of files; what is read in which order in train/ and page/web/ stands in the rooms within and around them."""


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_names_its_files(room: str) -> None:
    """Each room says in which order to read its files: it names every one of them, and none that is not there. "A file"
    for each of a kind stands for the others."""
    about = ast.get_docstring(MODULES[room]) or ""
    within = {name.removeprefix(f"{room}.") for name in MODULES if name.startswith(f"{room}.")}
    files = {name for name in within if "." not in name and f"{room}.{name}" not in PACKAGES} - {"__main__"}
    named = set(re.findall(r"(\w+)\.py\b", about))
    assert named <= {name.rpartition(".")[2] for name in within}
    assert not files - named or "per file" in about
