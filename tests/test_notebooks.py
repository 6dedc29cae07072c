"""The notebooks run from top to bottom, and print what is kept in them."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent.parent / "docs" / "notebooks"
BOOKS = sorted(path.name for path in FOLDER.glob("*.ipynb"))
LONG = ("segmentation.ipynb", "train.ipynb")
VARIES = "varies"
"""The tag of cells whose output depends on the machine: trained figures, and plots of measured values."""


def test_there_are_four() -> None:
    assert BOOKS == ["audit.ipynb", "design.ipynb", "segmentation.ipynb", "train.ipynb"]


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.deep) if n in LONG else n for n in BOOKS])
def test_a_notebook_prints_what_it_shows(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("torch")
    pytest.importorskip("matplotlib")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")  # where `!rfcalc` is
    kept = nbformat.read(FOLDER / name, as_version=4)
    book = nbformat.read(FOLDER / name, as_version=4)
    nbclient.NotebookClient(book, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    for before, after in zip(kept.cells, book.cells, strict=True):
        if before.cell_type == "code":
            assert before.outputs or not after.outputs, before.source
            if VARIES not in before.metadata.get("tags", ()):
                assert shown(after) == shown(before), before.source


def shown(cell: Any) -> list[str]:
    """What a cell printed, and what its last line came to; images are not compared."""
    found = []
    for output in cell.outputs:
        text = output.get("text") or output.get("data", {}).get("text/plain", "")
        found += re.sub(r"\x1b\[[\d;]*m", "", str(text)).rstrip().splitlines()  # without bold headings
    return found
