"""How a run begins: anew, once the network has passed its check, or where its record stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import yaml
from torch import Tensor, nn

from rfcalc import zoo
from rfcalc.engine.arch import Arch
from rfcalc.errors import RfcalcError
from rfcalc.spec import reader as spec

from ..data.augment import Augmentation
from ..data.batches import mean_and_std
from ..data.sets import Data
from ..recipe.errors import TrainError
from ..recipe.options import Options, refuse_values
from ..recipe.reader import read, recipe_for
from ..recipe.recipe import Recipe
from .model import softmax_head
from .precision import Precision, settled_precision
from .process_group import ProcessGroup
from .record import Record, machine, versions
from .target import Target, demand_finished
from .trained import trained_network


@dataclass(frozen=True)
class RunStart:
    """What a run is to do, and the state from which it goes on, if it does."""

    target: Target
    options: Options
    recipe: Recipe
    state: dict[str, Any] | None = None
    about: dict[str, Any] | None = None
    """run.json of the run that goes on."""
    notes: tuple[str, ...] = ()

    @property
    def settings(self) -> dict[str, Any]:
        """What a tracker shows of the run."""
        return {"network": self.target.arch.name, "params": self.target.arch.params, "seed": self.seed,
                **self.recipe.to_plain()}  # fmt: skip

    @property
    def seed(self) -> int:
        return self.options.seed or 0


def record_folder(options: Options, name: str) -> Path:
    """Where the record lies: in --out; else in runs/NAME, runs/NAME-2, …: the first that is free, or for a run that
    goes on the last that is there."""
    if options.out:
        return Path(options.out)
    numbered = (Path("runs") / (f"{name}-{i}" if i > 1 else name) for i in count(1))
    taken = list(takewhile(lambda path: path.exists() and (not path.is_dir() or any(path.iterdir())), numbered))
    if options.resume:
        return taken[-1] if taken else Path("runs") / name
    return Path("runs") / (f"{name}-{len(taken) + 1}" if taken else name)


def opened_run(record: Record, target: Target, options: Options) -> RunStart:
    """A new run, or one that goes on; raises TrainError where that would mix two runs."""
    refuse_values(options, epochs=1)
    if options.resume:
        if not record.has_state:
            raise TrainError(f"{record.folder} holds no run to go on with: leave out --resume to begin one there")
        return resumed(record, target, options)
    if record.has_state:
        raise TrainError(f"{record.folder} holds a run: go on with it (--resume) or name another folder (--out)")
    if options.start:
        demand_finished(options.start, target)
    recipe = recipe_for(target.arch, options.recipe, options.settings, options.epochs)
    demand_usable(recipe, target.arch)
    if not options.unchecked:
        demand_checked(target, options.input)
    return RunStart(target, options, recipe)


def demand_usable(recipe: Recipe, arch: Arch) -> None:
    """Raises RfcalcError for a transform or a teacher that is not there, before any other work is done for it."""
    Augmentation(recipe.augmentation, [0.5] * arch.input[0], recipe.plain.in_batches)
    if recipe.distillation:
        try:
            trained_network(recipe.distillation.teacher, "last")
        except TrainError as error:
            raise TrainError(f"distillation.teacher: {error}") from None


def resumed(record: Record, target: Target, options: Options) -> RunStart:
    about, arch = record.about(), target.arch
    changed = options.changed(about["options"])
    if changed:
        was = ", ".join(f"{key}: {about['options'].get(key)}" for key in changed)
        new = f"; --from {record.folder} begins another with its weights" if (record / "result.json").is_file() else ""
        raise TrainError(f"{record.folder} was begun with {was}; a run goes on as it began{new}")
    if not same_layers(record.read_text("spec.yaml"), target.text):
        raise TrainError(f"{record.folder} trains another spec than {arch.path}; see {record / 'spec.yaml'}")
    recipe = read(yaml.safe_load(record.read_text("recipe.yaml")), arch.name, str(record / "recipe.yaml"))
    state, problems = record.load()
    if state is None:
        raise TrainError("\n".join([*problems, f"{record.folder}: no whole state to go on from"]))
    notes = tuple(f"{problem}; going on with the state before" for problem in problems)
    return RunStart(target, options.resumed(about["options"]), recipe, state, about, notes)


def same_layers(before: str, now: str) -> bool:
    """Whether two specs describe the same layers, whatever they claim, note or aim at; the recipe of a run stands in
    its record."""
    if before == now:
        return True
    found = [spec.loads(text) for text in (before, now)]
    one, other = ((arch.input, [replace(node, line=None) for node in arch.nodes]) for arch in found)
    return one == other


def demand_checked(target: Target, input: str | None) -> None:
    """Raises TrainError where torch disagrees with the table's figures or a target is missed; a torch model is checked
    as its author wrote it. A figure that the spec
    only reports of its source may be wrong: that is the source's business."""
    from rfcalc.proof.check import check_target

    arch = target.arch
    shape = zoo.read_shape(input) if target.model and input else None
    try:
        report = check_target(target.model or arch, shape)
        wrong = [finding for finding in report.findings if finding.kind != "claim"]
    except RfcalcError as error:
        raise TrainError(f"{arch.name} cannot be checked (--unchecked trains it all the same): {error}") from None
    if wrong:
        lines = [f"{f.layer or arch.name}: {f.quantity} expected {f.expected}, measured {f.measured}" for f in wrong]
        raise TrainError("\n".join([f"{arch.name} fails its check (--unchecked trains it all the same):", *lines]))


# --- what is settled once the data is there --------------------------------------------------------------------------


def normalization_for(recipe: Recipe, data: Data) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation by which images are normalised: the recipe's, else the training images' own."""
    mean, std = recipe.normalization.mean, recipe.normalization.std
    if mean is None or std is None:
        return mean_and_std(data.train)
    if len(mean) != data.shape[0] or len(std) != data.shape[0]:
        raise TrainError(f"normalization lists {len(mean)} and {len(std)} numbers for {data.shape[0]} channels")
    return mean, std


def same_data(start: RunStart, data: Data, record: Record) -> None:
    """Raises TrainError where the images of a run that goes on are others."""
    if start.about and start.about["data"]["fingerprint"] != data.fingerprint:
        raise TrainError(f"{record.folder} was trained on other images than these ({data.name})")


def precision_for(
    start: RunStart, group: ProcessGroup, make: Callable[[], nn.Module], batch: Callable[[], Tensor],
    say: Callable[[str], None], steps: int,
) -> Precision:  # fmt: skip
    """That of the run that goes on, else what the first rank finds with a network and a batch of images."""
    if start.about:
        return Precision.from_plain(start.about["precision"])
    found = None
    if group.is_first:
        wanted = start.options.precision or "auto"
        found = settled_precision(wanted, group.device, make, batch, say, steps).to_plain()
    return Precision.from_plain(group.agree(found))


def begin(
    record: Record, start: RunStart, data: Data, mean_std: Any, precision: Precision, augmentation: list[str],
    group: ProcessGroup,
) -> None:  # fmt: skip
    """Writes what is known of a run before it starts; run.json, which makes it one, last."""
    arch, parts = start.target.arch, {"train": data.train, "val": data.val, "test": data.test}
    record.write("spec.yaml", start.target.text)
    if start.target.model:
        record.write("module.txt", f"{start.target.model}\n")
    record.write_yaml("recipe.yaml", start.recipe.to_plain())
    about = {
        "name": arch.name,
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "options": start.options.to_plain(),
        "seed": start.seed,
        "checked": not start.options.unchecked,
        "head": head_text(arch),
        "data": {
            "name": data.name,
            "classes": list(data.classes),
            **{part: len(split.labels) if split else 0 for part, split in parts.items()},
            "fingerprint": data.fingerprint,
            "published": data.published,
        },
        "normalization": {"mean": mean_std[0], "std": mean_std[1]},
        "precision": precision.to_plain(),
        "augmentation": augmentation,
        "processes": group.world,
        "versions": versions(),
        "machine": machine(group.device),
    }
    record.write_json("run.json", about)


def head_text(arch: Arch) -> str:
    name = softmax_head(arch)
    return f"trained on the scores in front of the softmax {name}" if name else "trained on the last layer's scores"
