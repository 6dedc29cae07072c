"""The page on testing runs: its test files pass, and its messages are those that are given."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from .test_plugin import SPEC, pytest_run

PAGE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```$", PAGE, re.M | re.S))
MESSAGES = re.findall(r"^```text\n(.*?)^```$", PAGE, re.M | re.S)


def test_the_example_files_pass(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    code, out = pytest_run(tmp_path)
    assert (code, "4 passed" in out) == (0, True), out


def test_a_smaller_field_fails_with_the_message_that_is_shown() -> None:
    names: dict[str, Any] = {}
    exec(
        compile(FILES["test_net.py"].replace("padding: 4, dilation: 4", "padding: 2, dilation: 2"), "t.py", "exec"),
        names,
    )
    with pytest.raises(AssertionError) as failure:
        names["assert_receptive_field"](names["network"](16, 32, 64), at_least=44)
    assert f"AssertionError: {failure.value}\n" == MESSAGES[0]
    with pytest.raises(AssertionError, match="below at_least=44"):
        names["test_the_field_is_wide_enough_whatever_the_widths"]()


def test_a_changed_table_is_shown_as_the_page_has_it(tmp_path: Path) -> None:
    file = tmp_path / "b.yaml"
    file.write_text(SPEC, encoding="utf-8")
    assert pytest_run(tmp_path, "--rfcalc-update", "b.yaml", "-k", "table")[0] == 0
    file.write_text(SPEC.replace("kernel_size: 1}", "kernel_size: 3}"), encoding="utf-8")
    out = pytest_run(tmp_path, "--rfcalc", "b.yaml", "-k", "table")[1]
    first, *rest = MESSAGES[1].replace("small.csv", "b.csv").splitlines()
    assert f"_ {first} _" in out
    assert all(f"{line}\n" in out for line in rest)
