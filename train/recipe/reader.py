"""Recipes from YAML: a spec's `train:` section, a shipped recipe, or a file; checked as a whole, with file and line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from rfcalc import zoo
from rfcalc.engine.arch import Arch
from rfcalc.engine.kinds import describe, settings_of
from rfcalc.errors import SettingError, SpecError, place, unknown_name
from rfcalc.report.compare import Comparison
from rfcalc.report.grid import Column, Grid
from rfcalc.spec import yamlfile

from .errors import RecipeError
from .recipe import OPTIONAL_SECTIONS, RECIPE_KEYS, RECIPE_SECTIONS, Plain, Recipe, Transform
from .schedule import SCHEDULES


def names() -> list[str]:
    """The shipped recipes.

    >>> names()
    ['best', 'fast', 'ours']
    """
    return yamlfile.names_in(files("rfcalc.train") / "recipes")


def recipe_for(arch: Arch, recipe: str | None, settings: Iterable[str] = (), epochs: int | None = None) -> Recipe:
    """The recipe of a run: the spec's own, a shipped one by name, or a file; then --set, then --epochs.

    A recipe that names no augmentation keeps the spec's, which belongs to the data. Raises RecipeError with everything
    that is wrong with it.
    """
    if recipe is None:
        if not arch.train:
            raise RecipeError(
                [f"{arch.name} has no train: section; there are the recipes {', '.join(names())} (train --recipe)"]
            )
        name, where, values = arch.name, arch.path or arch.name, arch.train
    else:
        name, where, values = Path(recipe).stem, recipe, recipe_values(recipe)
    values = extended(values, where, ())
    if recipe is not None and "augmentation" not in values and "augmentation" in arch.train:
        values["augmentation"] = yamlfile.plain(arch.train["augmentation"])
        kept = [s for s in arch.train.get("stated") or () if str(s).startswith("augmentation")]
        values["stated"] = [*(values.get("stated") or ()), *kept]
    overrides, written = [*settings, *([] if epochs is None else [f"epochs={epochs}"])], merged({}, values)
    for override in overrides:
        put(values, override)
    if overrides and isinstance(values.get("stated"), list):  # what is set here is no longer the document's
        mine = tuple(override.partition("=")[0] for override in overrides)
        values["stated"] = [s for s in values["stated"] if not str(s).startswith(mine)]
    try:
        return read(values, name, where)
    except RecipeError as error:
        theirs = problems_in(written, where)
        set_here = problems_in(values, "--set " + " ".join(overrides)) if overrides else error.problems
        pairs = zip(error.problems, set_here, strict=True)
        raise RecipeError([one if one in theirs else other for one, other in pairs]) from None


def recipe_values(recipe: str) -> Mapping[str, Any]:
    """The values of a shipped recipe or of a file, as they are written."""
    text = text_of(recipe)
    values = yamlfile.parse(text, recipe)
    if not isinstance(values, dict):
        raise RecipeError([f"{recipe}: a recipe is a mapping, not {describe(values)}"])
    return values


def text_of(recipe: str) -> str:
    if recipe in names():
        return (files("rfcalc.train") / "recipes" / f"{recipe}.yaml").read_text(encoding="utf-8")
    if not Path(recipe).is_file():
        raise RecipeError([unknown_name(recipe, names(), "no such file and no shipped recipe")])
    return yamlfile.read_text(recipe)


def recipe_as_yaml(name: str) -> str:
    """A recipe as YAML: a shipped one as it is written; one that extends another, a spec's or a file's written out."""
    if name in names() and "extends" not in recipe_values(name):
        return text_of(name)
    if name in zoo.names() or (Path(name).is_file() and "layers" in recipe_values(name)):
        recipe = recipe_for(zoo.load(name), None)
    else:
        recipe = read(extended(recipe_values(name), name, ()), Path(name).stem, name)
    return yaml.safe_dump(recipe.to_plain(), sort_keys=False, allow_unicode=True, width=120)


def recipes_side_by_side() -> Comparison:
    """The shipped recipes, each with what tells it from the others."""
    found = [read(extended(recipe_values(name), name, ()), name, name) for name in names()]
    figures = tuple({"name": r.name, "epochs": r.epochs, "optimizer": r.optimizer.name, "schedule": r.schedule.name,
                     "source": r.plain.source} for r in found)  # fmt: skip
    columns = (
        Column("recipe", left=True),
        Column("epochs"),
        *(Column(h, left=True) for h in ("optimizer", "schedule", "source")),
    )
    rows = tuple(tuple(map(str, values.values())) for values in figures)
    return Comparison(
        Grid(columns, rows, ("docs/training.md describes each setting; rfcalc recipe NAME prints one",)), figures
    )


# --- putting together ------------------------------------------------------------------------------------------------


def extended(values: Mapping[str, Any], where: str, above: tuple[str, ...]) -> yamlfile.Mapping:
    """A recipe's values on top of those of the recipe that it extends, which is checked on its own first."""
    base = values.get("extends")
    if base is None:
        return merged({}, values)
    line = getattr(values, "lines", {}).get("extends")
    if not isinstance(base, str):
        raise RecipeError([f"{place(where, line)}extends must name a recipe, not {describe(base)}"])
    beside = str(Path(where).parent / base)
    found = base if base in names() else beside if Path(beside).is_file() else base
    if found in above:
        raise RecipeError([f"{place(where, line)}extends {base}, which extends this one"])
    try:
        below = extended(recipe_values(found), found, (*above, found))
        read(below, found, found)
    except RecipeError as error:
        raise RecipeError([f"{place(where, line)}extends {base}: {fact}" for fact in error.problems]) from None
    return merged({key: yamlfile.plain(v) for key, v in below.items() if key not in ("name", "source", "stated")},
                  {key: value for key, value in values.items() if key != "extends"}, values)  # fmt: skip


def merged(below: Mapping[str, Any], above: Mapping[str, Any], lined: Any = None) -> yamlfile.Mapping:
    """Sections are merged, all else is replaced; so is a schedule by one of another name. The lines are those above."""
    lined = above if lined is None else lined
    made = yamlfile.Mapping(getattr(lined, "line", 0))
    made.update(below)
    for key, value in above.items():
        old = below.get(key)
        made[key] = value
        if not isinstance(old, dict) or not isinstance(value, dict):
            continue
        if key != "schedule" or value.get("name", old["name"]) == old["name"]:
            made[key] = merged(old, value)
    made.lines = {key: line for key, line in getattr(lined, "lines", {}).items() if key in above}
    return made


def put(values: yamlfile.Mapping, text: str) -> None:
    """Carries out one `--set optimizer.lr=0.05`; the value is read as YAML."""
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise RecipeError([f"--set {text}: write it as name=value, such as optimizer.lr=0.05"])
    *parents, last = path.split(".")
    for parent in parents:
        inner = values.get(parent)
        if inner is not None and not isinstance(inner, dict):
            raise RecipeError([f"--set {text}: {parent} has no settings of its own"])
        values[parent] = merged({}, inner or {})
        values = values[parent]
    try:
        values[last] = yamlfile.plain(yamlfile.parse(value, f"--set {path}"))  # its lines are not those of the file
        values.lines.pop(last, None)
    except SpecError as error:
        raise RecipeError(error.problems) from None


# --- checking --------------------------------------------------------------------------------------------------------


def read(values: Mapping[str, Any], name: str, where: str) -> Recipe:
    """Checks a recipe as a whole; raises RecipeError with a line for each problem."""
    reading = RecipeReading(where)
    for key in values:
        if key not in RECIPE_KEYS:
            reading.problem(values, key, unknown_name(key, RECIPE_KEYS, "unknown setting"))
    sections: dict[str, Any] = {}
    for key, cls in RECIPE_SECTIONS.items():
        wanted = key not in OPTIONAL_SECTIONS or values.get(key) is not None
        sections[key] = reading.section(cls, values.get(key), f"{key}.", values, key) if wanted else None
    schedule = reading.schedule(values)
    transforms = reading.transforms(values)
    single = merged({}, {key: value for key, value in values.items() if key in settings_of(Plain)}, values)
    top = reading.section(Plain, single, "", values, "")
    stated = reading.stated(values)
    optimizer, normalization = sections["optimizer"], sections["normalization"]
    if optimizer and optimizer.name != "adamw" and optimizer.nesterov and not optimizer.momentum:
        reading.problem(values, "optimizer", "optimizer.nesterov needs a momentum above 0")
    if normalization and (normalization.mean is None) != (normalization.std is None):
        reading.problem(values, "normalization", "normalization needs both mean and std, or neither")
    if reading.problems:
        raise RecipeError(reading.problems)
    return Recipe(
        str(values.get("name") or name), top, schedule=schedule, augmentation=transforms, stated=stated, **sections
    )


def problems_in(values: Mapping[str, Any], where: str) -> Sequence[str]:
    """What is wrong with a recipe, as it is told of that place."""
    try:
        read(values, "", where)
    except RecipeError as error:
        return error.problems
    return ()


class RecipeReading:
    """The problems that are found while a recipe is read, each with its place."""

    def __init__(self, where: str) -> None:
        self.where, self.problems = where, list[str]()

    def problem(self, values: Any, key: str | int, fact: str) -> None:
        """A problem with one value of a mapping or list, which may remember its lines."""
        self.problems.append(self.place(values, key) + fact)

    def place(self, values: Any, key: str | int) -> str:
        lines = getattr(values, "lines", {})
        known = isinstance(lines, list) or key in lines
        return place(self.where, lines[key] if known else None)

    def section(self, cls: Any, value: Any, prefix: str, outer: Any, key: str) -> Any:
        """One dataclass of settings from a mapping; None when there was a problem."""
        if value is not None and not isinstance(value, dict):
            self.problem(outer, key, f"{key} must be a mapping, not {describe(value)}")
            return None
        given, before, found = dict(value or {}), len(self.problems), {}
        for name, about in settings_of(cls).items():
            if name not in given and about["default"] is MISSING:
                self.problem(outer, key, f"{prefix}{name} is missing")
                continue
            try:
                found[name] = about["kind"].read(given.pop(name, about["default"]), 1)
            except SettingError as error:
                self.problem(value, name, f"{prefix}{name} {error}")
        known = [prefix + name for name in settings_of(cls)]
        for name in given:
            self.problem(value, name, unknown_name(prefix + name, known, "unknown setting"))
        return cls(**found) if len(self.problems) == before else None

    def schedule(self, values: Mapping[str, Any]) -> Any:
        """A schedule by its name, which decides which settings it takes."""
        value = values.get("schedule")
        if isinstance(value, str) or value is None:
            value = {"name": value or "constant"}
        if not isinstance(value, dict):
            return self.problem(values, "schedule", f"schedule must be a name or a mapping, not {describe(value)}")
        name = value.get("name")
        if not isinstance(name, str):
            fact = "schedule.name is missing; there are " + ", ".join(SCHEDULES)
            return self.problem(values, "schedule", fact)
        if name not in SCHEDULES:
            return self.problem(values, "schedule", unknown_name(name, list(SCHEDULES), "schedule: unknown"))
        rest = merged({}, {key: v for key, v in value.items() if key != "name"}, value)
        return self.section(SCHEDULES[name], rest, "schedule.", values, "schedule")

    def transforms(self, values: Mapping[str, Any]) -> tuple[Transform, ...]:
        """The list of augmentations. Their names and arguments are checked where they are built, in augment.py."""
        listed = values.get("augmentation")
        if listed is not None and not isinstance(listed, list):
            self.problem(values, "augmentation", f"augmentation must be a list, not {describe(listed)}")
            return ()
        found = []
        for index, item in enumerate(listed or ()):
            where = self.place(listed, index)
            if isinstance(item, str):
                found.append(Transform(item, {}, where))
            elif isinstance(item, dict) and len(item) == 1 and isinstance(next(iter(item.values())), dict | type(None)):
                ((name, arguments),) = item.items()
                found.append(Transform(name, dict(arguments or {}), where))
            else:
                self.problems.append(f"{where}augmentation: write `- HorizontalFlip: {{p: 0.5}}`, not {describe(item)}")
        return tuple(found)

    def stated(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        listed = values.get("stated") or []
        if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
            self.problem(values, "stated", f"stated must list names of settings, not {describe(listed)}")
            return ()
        for item in listed:
            if item.partition(".")[0] not in RECIPE_KEYS:
                self.problem(values, "stated", unknown_name(item, RECIPE_KEYS, "stated: unknown setting"))
        return tuple(listed)
