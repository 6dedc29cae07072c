"""What is trained: a spec, or a torch model as it is; its table, and a module to train, through one door."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from torch import nn

from rfcalc import zoo
from rfcalc.engine.arch import Arch
from rfcalc.network import build, seeded
from rfcalc.replay.weights import differences
from rfcalc.spec import reader as spec
from rfcalc.spec import yamlfile
from rfcalc.spec.writer import dump

from ..recipe.errors import TrainError
from .record import Record, load_whole


@dataclass(frozen=True)
class Target:
    """A network to train. `make(seed)` gives it with its first weights, on the CPU."""

    arch: Arch
    text: str
    """spec.yaml of the record: the spec as it is written, or what was seen of a torch model."""
    make: Callable[[int], nn.Module]
    model: str | None = None
    """The torch model's name, FILE.py:Name; None for a spec."""


def target_of(name: str, input: str | None = None) -> Target:
    """What a user names: a YAML file, a shipped spec, the folder of a run, or a torch model with its input; raises
    RfcalcError."""
    if is_run(name):
        return target_of_run(Record(name))
    shape = None if input is None else zoo.read_shape(input)
    arch = zoo.load(name, shape)
    if zoo.is_torch_model(name):
        return Target(arch, dump(arch), lambda seed: user_module(name, seed), name)
    if shape is not None and shape != zoo.load(name).input:
        text = dump(arch)
    elif name in zoo.names() and not Path(name).is_file():
        text = (files("rfcalc.archs") / f"{name}.yaml").read_text(encoding="utf-8")
    else:
        text = yamlfile.read_text(name)
    return Target(arch, text, lambda seed: build(arch, seed=seed))


def is_run(name: str) -> bool:
    """Whether it is the folder of a run."""
    return (Path(name) / "run.json").is_file()


def target_of_run(record: Record) -> Target:
    """The network of a run, from its spec or from the torch model that module.txt names; raises TrainError where the
    model is no longer that network."""
    text = record.read_text("spec.yaml")
    if not (record / "module.txt").is_file():
        arch = spec.loads(text, str(record / "spec.yaml"))
        return Target(arch, text, lambda seed: build(arch, seed=seed))
    model = record.read_text("module.txt").strip()
    target = target_of(model, record.about()["options"]["input"])
    if target.text != text:
        raise TrainError(f"{model} is no longer the network that {record.folder} was trained with; see spec.yaml there")
    return target


def weights_of_run(record: Record, which: str) -> dict[str, Any]:
    """The weights that a run's last row, or its best one, was measured with: the average where there is one."""
    if which not in ("last", "best"):
        raise TrainError(f"checkpoint {which}: there are last and best")
    if which == "best":
        weights: dict[str, Any] = load_whole(record / "best.pt")["weights"]
        return weights
    state, problems = record.load()
    if state is None:
        raise TrainError("\n".join([*problems, f"{record.folder}: no whole checkpoint"]))
    return {**state["weights"], **(state["average"] or {})}


def demand_finished(run: str, target: Target) -> None:
    """Raises TrainError where --from names no run, one that has not ended, or one of another network."""
    record = Record(run)
    if not is_run(run):
        raise TrainError(f"--from {run}: no folder of a run")
    if not (record / "result.json").is_file():
        raise TrainError(f"--from {run}: that run has not ended; go on with it (--resume)")
    if problems := differences(target.make(0), weights_of_run(record, "last")):
        raise TrainError(f"--from {run}: its weights are those of another network: {'; '.join(problems)}")


def start_from(net: nn.Module, run: str) -> None:
    """Gives a network the last weights of a finished run."""
    net.load_state_dict(weights_of_run(Record(run), "last"))


def user_module(name: str, seed: int) -> nn.Module:
    """The user's module with real weights, on the CPU, which the seed fixes unless the module brings its own."""
    from rfcalc.tracing.user_code import load_module

    with seeded(seed):
        module = load_module(name)
    if unmade := next((n for n, p in module.named_parameters() if p.is_meta), None):
        raise TrainError(f"{name}: {unmade} has a shape but no values (torch's meta device); it cannot be trained")
    return module.cpu()
