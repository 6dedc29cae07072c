"""The weights that are shipped beside specs."""

from __future__ import annotations

import json
import os
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
import torch

import rfcalc
from rfcalc.train.fit.trained import trained_network
from tests.command import run

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(f.name.partition(".")[0] for f in files("rfcalc.archs").iterdir() if f.name.endswith(".safetensors"))


def test_there_are_shipped_weights() -> None:
    assert {"ours_200k", "ours_100k", "ours_fast"} <= {*SHIPPED}


def test_the_wheel_holds_weights_and_recipes() -> None:
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]
    assert {"*.yaml", "*.safetensors"} <= {*setup["rfcalc.archs"]}
    assert setup["rfcalc.train.recipes"] == ["*.yaml"]


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights_are_small_whole_and_their_networks(name: str) -> None:
    """Every tensor has its place and is finite; normalization and classes are CIFAR-10's."""
    assert (files("rfcalc.archs") / f"{name}.safetensors").stat().st_size < 2**20  # type: ignore[attr-defined]
    found = trained_network(name, "last")
    net = found.network()
    assert sum(p.numel() for p in net.parameters()) == rfcalc.load(name).params
    assert all(tensor.isfinite().all() for tensor in found.weights.values())
    assert found.facts["classes"][:3] == ["airplane", "automobile", "bird"]
    assert found.facts["mean"] == pytest.approx((0.4914, 0.4822, 0.4465), abs=1e-3)  # the published set's
    assert net(torch.zeros(1, *rfcalc.load(name).input)).shape == (1, 10)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights_are_as_good_as_their_spec_says(name: str) -> None:
    """On CIFAR-10's published test images, which are not there everywhere."""
    folder = os.environ.get("RFCALC_DATA", "")
    if not (Path(folder) / "cifar-10-batches-py").is_dir():
        pytest.skip("RFCALC_DATA holds no cifar-10-batches-py")
    done = run("eval", name, "--data", folder, "--format", "json")
    assert json.loads(done.out)["accuracy"] == pytest.approx(rfcalc.load(name).claims["test_accuracy"], abs=0.03)
