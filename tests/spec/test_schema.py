"""The JSON Schema accepts what the reader accepts, and refuses the slips that an editor should mark."""

from importlib.resources import files
from typing import Any

import jsonschema
import pytest
import yaml

import rfcalc
from rfcalc import schema
from rfcalc.engine.layers import LAYERS

VALIDATOR = jsonschema.Draft202012Validator(schema())


def errors(document: Any) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(document)]


def test_it_is_a_schema_and_knows_every_layer() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    known = schema()["$defs"]["layer"]["anyOf"][1]["properties"]
    assert set(known) == {*LAYERS, "repeat"}
    assert known["conv"]["anyOf"][0]["properties"]["stride"]["default"] == 1


@pytest.mark.parametrize("name", rfcalc.names())
def test_every_shipped_spec_fits(name: str) -> None:
    text = (files("rfcalc.archs") / f"{name}.yaml").read_text(encoding="utf-8")
    assert errors(yaml.safe_load(text)) == []


@pytest.mark.parametrize(
    "layer",
    [
        {"conv": {"out_channels": 8, "kernal_size": 3}},
        {"conv": {"out_channels": 8}},
        {"conv": {"out_channels": 0, "kernel_size": 3}},
        {"conv": {"out_channels": 8, "kernel_size": 3, "padding": "some"}},
        {"conv": {"out_channels": 8, "kernel_size": 3.5}},
        {"add": ["a"]},
        {"repeat": {"times": 2}},
        {"upsample": {"mode": "cubic"}},
        {"dropout": 2},
    ],
)
def test_it_marks_slips(layer: dict[str, Any]) -> None:
    assert errors({"input": [3, 8, 8], "layers": [layer]})


@pytest.mark.parametrize(
    "layer",
    [
        "relu",
        {"max_pool": 2},
        {"max_pool": [2, 1]},
        {"conv": {"out_channels": 8, "kernel_size": [3, 1], "padding": [[0, 1], 0], "groups": "depthwise"}},
        {"conv": {"out_channels": "$width", "kernel_size": 3, "padding": "same", "name": "a", "from": "b"}},
        {"add": ["a", "b"]},
        {"global_avg_pool": None},
    ],
)
def test_it_accepts_the_short_forms(layer: Any) -> None:
    assert errors({"input": [3, 8, 8], "layers": [layer]}) == []
