"""The plan of a sweep: which runs it takes, each with a folder that its content names. All is checked here, before
anything runs."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

from rfcalc.engine.arch import Arch
from rfcalc.errors import RfcalcError

from ..data.sets import load_data, outputs
from ..fit.process_group import device_of
from ..fit.progress import Download
from ..fit.target import Target, target_of
from ..recipe.errors import TrainError
from ..recipe.options import Options, refuse_values
from ..recipe.reader import recipe_for
from ..recipe.recipe import Recipe
from .options import SweepOptions, absolute, file_of

Tried = TypeVar("Tried")
PROBLEMS_TOLD = 20
"""Problems told at once: a thousand designs may all have the same one."""


@dataclass(frozen=True)
class Job:
    """One run: all that a process needs to carry it out, wherever it is."""

    folder: str
    target: str
    options: Options

    @property
    def name(self) -> str:
        return Path(self.folder).name

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Job:
        found = json.loads(text)
        return Job(found["folder"], found["target"], Options().given(**found["options"]))


@dataclass(frozen=True, eq=False)
class Contender:
    """One network with one recipe, whose seeds are averaged."""

    label: str
    """The network's name, told apart from others of that name."""
    name: str
    target: str
    network: Target
    recipe: str | None
    settings: tuple[str, ...]
    options: Options
    """Of its runs, but for the seed."""
    fingerprint: str
    """Of the data."""

    @property
    def arch(self) -> Arch:
        return self.network.arch

    @property
    def title(self) -> str:
        return " ".join([self.label, self.recipe_name, *self.settings])

    @property
    def recipe_name(self) -> str:
        return Path(self.recipe).stem if self.recipe else "its own"

    @cached_property
    def full(self) -> int:
        """Epochs of a whole run."""
        return self.read(self.options.epochs).epochs

    @cached_property
    def read(self) -> Callable[[int | None], Recipe]:
        """The recipe of a run by its epochs, whose file is read once."""
        return cache(lambda epochs: recipe_for(self.arch, self.recipe, self.settings, epochs))

    def epochs(self, budget: int | None) -> int:
        """Of a run with that budget, None for a whole one: a recipe is never made longer."""
        return self.full if budget is None else min(budget, self.full)

    def job(self, out: Path, seed: int, budget: int | None = None) -> Job:
        """The run of one seed, a whole schedule within the budget of epochs."""
        count = self.epochs(budget)
        asked = self.options.epochs if count == self.full else count
        options = replace(self.options, seed=seed, epochs=asked)
        words = [self.name, *([self.recipe_name] if self.recipe else []), *self.settings, f"e{count}", f"s{seed}"]
        stem = "-".join(re.sub(r"[^A-Za-z0-9_.=]+", "_", word).strip("_")[:40] for word in words)
        return Job(str(out / f"{stem[:150]}-{self.digest(options)[:10]}"), self.target, options)

    def digest(self, options: Options) -> str:
        """Of all that decides a run's outcome, but for where things lie."""
        about = {key: value for key, value in options.to_plain().items() if key not in ("data", "recipe")}
        recipe = self.read(options.epochs).to_plain()
        told = [self.network.text, self.model, recipe, about, self.fingerprint]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    @property
    def model(self) -> str | None:
        """A torch model's name without the folder that it lies in."""
        if self.network.model is None:
            return None
        file, rest = file_of(self.network.model)
        return Path(file).name + rest


@dataclass(frozen=True)
class SweepPlan:
    """What a sweep is to do."""

    candidates: tuple[Contender, ...]
    options: SweepOptions
    out: Path
    keys: tuple[str, ...]
    """The settings that --set varies."""
    notes: tuple[str, ...] = ()

    @property
    def seeds(self) -> range:
        return range(self.options.seeds)

    @property
    def chosen_by(self) -> str:
        """The figure by which candidates are sorted."""
        return "val_accuracy" if self.options.val else "test_accuracy"


def sweep_plan(targets: Sequence[str], options: SweepOptions) -> SweepPlan:
    """Every combination, in the order in which they are named; raises RfcalcError with all that is wrong."""
    refuse_contradictions(options)
    if not targets:
        raise TrainError("sweep needs a spec, a torch model, or a folder of specs")
    given, problems = options.of_a_run(), list[str]()
    # The networks, the recipes, and the data that they all fit.
    names = [name for target in targets for name in designs(target)]
    networks = tried_all(names, lambda name: (absolute(name), target_of(name, options.input)), problems)
    refuse_problems(problems)
    recipes: list[str | None] = [absolute(name) for text in options.recipe for name in text.split(",")]
    recipes = recipes or [None]  # each network's own
    grid = setting_choices(options.settings)
    marks = fingerprints([network.arch for _, network in networks], given)
    # Every combination, its recipe read once for all that may be wrong with it.
    labels = labelled(networks)
    made = [
        Contender(label, network.arch.name, path, network, recipe, settings,
                  replace(given, recipe=recipe, settings=settings), mark)
        for (path, network), label, mark in zip(networks, labels, marks, strict=True)
        for recipe, settings in product(recipes, grid)
    ]  # fmt: skip
    tried_all(made, lambda candidate: candidate.full, problems)
    refuse_problems(problems)
    kept = {candidate.digest(candidate.options): candidate for candidate in reversed(made)}
    candidates = tuple(candidate for candidate in made if kept[candidate.digest(candidate.options)] is candidate)
    twice = len(made) - len(candidates)
    notes = (f"{twice} of {len(made)} combinations are named twice and run once",) if twice else ()
    keys = tuple(dict.fromkeys(setting.partition("=")[0] for setting in grid[0]))
    return SweepPlan(candidates, options, Path(options.out).absolute(), keys, notes)


def refuse_contradictions(options: SweepOptions) -> None:
    """Raises TrainError for options that cannot be, alone or together."""
    refuse_values(options, seeds=1, jobs=1, cpus=1, epochs=1, val=1, gpus=0)
    if options.halving and not options.val:
        raise TrainError("--halving decides by validation images, never by the test images: set some apart with --val")
    if options.on is None:
        if options.cpus != 1 or options.gpus:
            raise TrainError("--cpus and --gpus go with --on; on this machine --jobs shares the cores")
        device_of(options.device)
    elif options.on != "ray" and not re.fullmatch(r"ray://\S+", options.on):
        raise TrainError(
            f"--on {options.on}: there are ray, for a cluster that this machine is in, and ray://HOST:PORT"
        )
    elif options.jobs != 1:
        raise TrainError(f"--jobs {options.jobs}: with --on the cluster's CPUs and GPUs decide (--cpus, --gpus)")


def refuse_problems(problems: Sequence[str]) -> None:
    if problems:
        told = list(dict.fromkeys(line for problem in problems for line in problem.splitlines()))
        more = [f"… and {len(told) - PROBLEMS_TOLD} more"] if len(told) > PROBLEMS_TOLD else []
        raise TrainError("\n".join([*told[:PROBLEMS_TOLD], *more]))


def tried_all(items: Iterable[Tried], act: Callable[[Tried], Any], problems: list[str]) -> list[Any]:
    """What comes of each; the messages of those that are refused are added to the problems."""
    found = []
    for item in items:
        try:
            found.append(act(item))
        except RfcalcError as error:
            problems.append(str(error))
    return found


# --- what is combined -------------------------------------------------------------------------------------------------


def designs(target: str) -> list[str]:
    """The target itself, or the specs in a folder of them, in the order of their names."""
    folder = Path(target)
    if not folder.is_dir() or (folder / "spec.yaml").is_file():
        return [target]
    found = sorted(str(path) for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))
    if not found:
        raise TrainError(f"{target}: a folder without a spec (*.yaml) in it")
    return found


def setting_choices(settings: Sequence[str]) -> list[tuple[str, ...]]:
    """Every choice of one value for each setting, the last changing fastest.

    >>> setting_choices(["optimizer.lr=0.1,0.2", "ema=null"])
    [('optimizer.lr=0.1', 'ema=null'), ('optimizer.lr=0.2', 'ema=null')]
    """
    values: dict[str, list[str]] = {}
    for text in settings:
        key, equals, listed = text.partition("=")
        if not equals or not key:
            raise TrainError(f"--set {text}: write it as name=value,value, such as optimizer.lr=0.05,0.1")
        values.setdefault(key.strip(), []).extend(choices(listed))
    for key, found in values.items():
        if again := [value for value, count in Counter(found).items() if count > 1]:
            raise TrainError(f"--set {key}: {again[0]} is given twice")
    return [tuple(f"{k}={v}" for k, v in zip(values, chosen, strict=True)) for chosen in product(*values.values())]


def choices(text: str) -> list[str]:
    """Values between commas that stand outside brackets and quotes.

    >>> choices("[flip, pad_crop],null")
    ['[flip, pad_crop]', 'null']
    """
    found, depth, quote = [""], 0, ""
    for letter in text:
        if letter == "," and not depth and not quote:
            found.append("")
            continue
        if letter in "\"'":
            quote = "" if quote == letter else quote or letter
        elif not quote:
            depth += (letter in "[{") - (letter in "]}")
        found[-1] += letter
    values = [value.strip() for value in found]
    if "" in values:
        raise TrainError(f"--set …={text}: a value between the commas is empty")
    return values


def labelled(networks: Sequence[tuple[str, Target]]) -> list[str]:
    """The networks' names; where several have one name, the files' names, else
    their paths."""
    texts: dict[str, set[str]] = {}
    for path, network in networks:
        for label in {network.arch.name, Path(path).stem}:
            texts.setdefault(label, set()).add(network.text)
    labels = [(network.arch.name, Path(path).stem, path) for path, network in networks]
    return [next(label for label in three if len(texts.get(label, "1")) == 1) for three in labels]


def fingerprints(archs: Sequence[Arch], options: Options) -> list[str]:
    """Of the images that each network is trained on; they are read, and downloaded if need be, once for each shape.
    Raises DataError where a network does not fit them."""
    found: dict[Any, str] = {}
    for arch in archs:
        key = (arch.input, outputs(arch))
        if key not in found:
            found[key] = load_data(arch, options.data, options.limit, options.val or 0, Download()).fingerprint
    return [found[arch.input, outputs(arch)] for arch in archs]
