"""A family of networks, read from YAML: a spec with choices. The spec's own reader reads it; where a setting, or a list
of layers, depends on a choice, the value stays open and the program remembers where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import islice, product
from typing import Any

from ..engine.arch import Node
from ..engine.kinds import describe, read_integer
from ..engine.layers import LAYERS, Layer
from ..errors import SettingError, unknown_name
from ..spec import arithmetic, yamlfile
from ..spec.arithmetic import Open, open_keys, valued
from ..spec.names import ListFrame, Names, Scope
from ..spec.problems import Stop
from ..spec.reader import TOP_KEYS, Reader
from ..spec.written import is_list, node_of
from .program import Branch, Choose, Cut, LayerStep, MadeChoices, Program, ProgramPart, Repeat, Variable, liveness

FAMILY_KEYS = (*TOP_KEYS, "choices", "objective")
TARGET_FIGURES = ("params", "macs", "receptive_field")
SENSES = ("maximize", "minimize")
MAX_STEPS = 20_000
"""Layers of a family written out in full, all alternatives and the most turns included."""
MAX_CHOICE_VALUES = 10_000
"""Values of one choice."""
MAX_TRIED = 20_000
"""How many settings of one layer are tried before it is believed that some can be built."""
IDENTITY = LAYERS["identity"]()
"""Stands in for a layer whose settings are open, so that names and places are checked."""


def loads(text: str, path: str = "<text>") -> Program:
    """The family in a YAML text; raises SpecError with every independent problem.

    >>> family = "{input: [3, 8, 8], choices: {k: [1, 3]}, layers: [conv: {out_channels: 4, kernel_size: $k}]}"
    >>> loads(family).variables
    (Variable(name='k', place=0, values=(1, 3)),)
    """
    document = yamlfile.mapping(text, path, "a family has at least input, choices and layers", key_of)
    return FamilyReader(document, path).program()


class Choices:
    """The choices of a family: those that hold everywhere (`shared`), those made anew at each place (`each`), and the
    variables that they become, in the order in which they are met."""

    def __init__(self) -> None:
        self.variables: list[Variable] = []
        self.shared: dict[str, int] = {}
        self.each: dict[str, tuple[Any, ...]] = {}
        self.looked_up: set[str] = set()
        self.fresh: list[int] = []
        """Those made for the layer, or the block, that is being read."""

    @property
    def unused(self) -> tuple[str, ...]:
        return tuple(name for name in (*self.shared, *self.each) if name not in self.looked_up)

    def add(self, name: str, stated: Any) -> None:
        """A choice by its name; raises SettingError where it states no values, and goes on as if it had one."""
        values, each = (0,), False
        try:
            if not name.isidentifier():
                raise SettingError("its name must be a word of letters, digits and _")
            values, each = read_values(stated)
        finally:
            if each:
                self.each[name] = values
            else:
                self.shared[name] = self.variable(name, values, 0)

    def variable(self, name: str, values: tuple[Any, ...], place: int) -> int:
        self.variables.append(Variable(name, place, values))
        return len(self.variables) - 1

    def number(self, name: str) -> int | None:
        """The number of a choice by its name, of one that is made at each place a new one; None for an unknown name."""
        self.looked_up.add(name)
        if name in self.each:
            return self.variable(name, self.each[name], len(self.variables) + 1)
        return self.shared.get(name)

    def filled(self, value: Any, frame: ListFrame) -> Any:
        """A value with its $names replaced: by arguments of the block, by open choices. A choice made at each place is
        made here, once for all the settings of this layer or use of a block."""
        here: dict[str, Open] = {}

        def lookup(name: str) -> Any:
            if name in frame.arguments:
                return frame.arguments[name]
            if name in here:
                return here[name]
            if (number := self.number(name)) is not None:
                if name in self.each:
                    here[name] = Open(number)
                    self.fresh.append(number)
                return Open(number)
            known = [f"${other}" for other in (*frame.arguments, *self.shared, *self.each)]
            raise SettingError(unknown_name(f"${name}", known, "unknown parameter or choice"))

        return arithmetic.fill(value, lookup)

    def take_fresh(self) -> tuple[int, ...]:
        found, self.fresh = tuple(self.fresh), []
        return found

    def alternatives(self, value: Any) -> tuple[int, list[Any]]:
        """The number of the choice, and a list of layers for each of its values; raises SettingError."""
        if not isinstance(value, yamlfile.Mapping) or not isinstance(value.get("by"), str):
            raise SettingError("must be a mapping with by: the name of a choice, and a list of layers for each value")
        name = value["by"].removeprefix("$")
        if (number := self.number(name)) is None:
            raise SettingError(unknown_name(name, [*self.shared, *self.each], "by: unknown choice"))
        keys = [key_of(v) for v in self.variables[number].values]
        if unknown := [key for key in value if key != "by" and key not in keys]:
            raise SettingError(unknown_name(unknown[0], keys, f"{name} has no value"))
        for key in keys:
            if not isinstance(value.get(key), list):
                raise SettingError(f"needs a list of layers for {name}: {key}")
        return number, [value[key] for key in keys]

    def assignments(self, uses: tuple[int, ...]) -> Iterator[dict[int, Any]]:
        """The values of some choices in every combination, as far as they are tried."""
        for values in islice(product(*(self.variables[number].values for number in uses)), MAX_TRIED):
            yield dict(zip(uses, values, strict=True))

    def turns(self, times: Any, uses: tuple[int, ...]) -> list[int]:
        """All numbers of turns that there can be; raises SettingError where there is none."""
        found, first = [], None
        for chosen in self.assignments(uses):
            try:
                found.append(read_integer(valued(times, chosen), 0 if uses else 1))
            except SettingError as error:
                first = first or error
        if first and not found:
            raise first
        return found


class FamilyReader(Reader):
    """Reads one family into a program; a spec without choices is a family of one."""

    def __init__(self, document: yamlfile.Mapping, path: str) -> None:
        super().__init__(document, path)
        self.choices = Choices()
        self.items: list[ProgramPart] = []
        self.names: FamilyNames = FamilyNames(self)

    def program(self) -> Program:
        """The whole family; raises SpecError."""
        document = self.document
        self.known_keys(document, FAMILY_KEYS, "")
        self.read_input()
        self.read_blocks()
        before = len(self.problems)
        self.read_choices()
        objective = self.read_objective()
        if len(self.problems) > before:
            self.problems.raise_any()  # layers would be judged by values that nobody stated
        layers = document.get("layers")
        end = 0
        if not is_list(layers):
            self.problem(document.lines.get("layers"), "layers must be a list with at least one layer")
        elif self.input:
            with suppress(Stop):  # its reason is on the list of problems
                end = self.read_layers(layers, ListFrame("", Scope(0), {}), 0)
            self.names.explain()
        head = replace(self.finish(), nodes=(), claims={})
        self.problems.raise_any()
        liveness(self.items, Cut((), (end,)))
        variables, shared = tuple(self.choices.variables), tuple(self.choices.shared.values())
        return Program(head, variables, shared, self.items, end, objective, self.choices.unused)

    # --- choices and objective ---

    def read_choices(self) -> None:
        choices = self.document.get("choices")
        if choices is None:
            return
        if not isinstance(choices, yamlfile.Mapping):
            fact = f"choices must be a mapping of names to values, not {describe(choices)}"
            self.problem(self.document.lines["choices"], fact)
            return
        for name, stated in choices.items():
            try:
                self.choices.add(name, stated)
            except SettingError as error:
                self.problem(choices.lines[name], f"choice {name}: {error}")

    def read_objective(self) -> tuple[tuple[str, str], ...]:
        stated = self.document.get("objective")
        if stated is None:
            return ()
        found: list[tuple[str, str]] = []
        try:
            for sense, figures in each_objective(stated):
                if sense not in SENSES:
                    raise SettingError(unknown_name(sense, SENSES, "has maximize and minimize, not"))
                for figure in figures if isinstance(figures, list) else [figures]:
                    if figure not in TARGET_FIGURES:
                        raise SettingError(f"{sense} must name {', '.join(TARGET_FIGURES)}, not {describe(figure)}")
                    if figure in [other for _, other in found]:
                        raise SettingError(f"{figure} stands twice")
                    found.append((sense, figure))
        except SettingError as error:
            self.problem(self.document.lines["objective"], f"objective: {error}")
        return tuple(found)

    # --- open values ---

    def filled(self, value: Any, frame: ListFrame, line: int) -> Any:
        return self.choices.filled(value, frame)

    def node(self, op: str, name: str, values: dict[str, Any], inputs: tuple[int, ...], line: int) -> Node:
        uses = tuple(sorted(set(open_keys(values))))
        self.some_can_be(op, name, values, uses)
        full = name if self.names.stated else name.rpartition(".")[0] + "." * ("." in name) + op
        step = LayerStep(
            self.choices.take_fresh(), number=len(self.nodes) + 1, op=op, name=full, stated=self.names.stated,
            values=values, inputs=inputs, line=line, uses=uses,
        )  # fmt: skip
        self.items.append(step)
        return Node(name, IDENTITY, inputs, line)

    def some_can_be(self, op: str, name: str, values: dict[str, Any], uses: tuple[int, ...]) -> None:
        """Raises the first problem of a layer that no value of its choices makes possible."""
        first = None
        for chosen in self.choices.assignments(uses):
            try:
                node_of(op, name, valued(values, chosen), (), 0, len(self.input) - 1)
            except SettingError as error:
                first = first or error
            else:
                return
        if first:
            raise first

    # --- choose, repeat, blocks ---

    def read_item(self, item: Any, line: int, frame: ListFrame, current: int) -> int:
        self.choices.fresh = []
        if len(self.nodes) >= MAX_STEPS:
            self.problem(line, f"the family has more than {MAX_STEPS:,} layers, all alternatives and turns written out")
            raise Stop
        if isinstance(item, yamlfile.Mapping) and list(item) == ["choose"] and "choose" not in self.blocks:
            return self.read_choose(item["choose"], line, frame, current)
        return super().read_item(item, line, frame, current)

    def stands_for(self) -> int:
        """A new number for whichever layer comes last on several ways."""
        self.nodes.append(None)
        return len(self.nodes)

    def read_choose(self, value: Any, line: int, frame: ListFrame, current: int) -> int:
        self.descend(frame, line, "choose")
        try:
            by, layers = self.choices.alternatives(value)
        except SettingError as error:
            self.problem(line, f"choose: {error}")
            return self.broken(frame, line, "choose")
        item = Choose(by=by)
        if by not in self.choices.shared.values():
            item.fresh = (by,)
        ways = [self.read_way(alternative, frame, current) for alternative in layers]
        self.items.append(item)
        item.branches, last = self.joined(ways, frame)
        return last

    def read_way(self, layers: Any, frame: ListFrame, current: int) -> tuple[list[ProgramPart], int, dict[str, int]]:
        """The layers of one alternative, which stand in the list around them: parts, last layer, names as they are
        after it."""
        names, inner = dict(frame.scope.names), dict(self.names.inner)
        outer, self.items = self.items, []
        end = self.read_layers(layers, frame, current) if layers else current
        items, self.items = self.items, outer
        after = frame.scope.names | {f".{name}": n for name, n in self.names.inner.items() if inner.get(name) != n}
        frame.scope.names, self.names.inner = names, inner
        return items, end, after

    def joined(
        self, ways: list[tuple[list[ProgramPart], int, dict[str, int]]], frame: ListFrame
    ) -> tuple[list[Branch], int]:
        """The ways with one number, the same for all, in place of each name and of the last layer; and that number."""
        places = [place for _, _, names in ways for place in names.items()]
        changed = dict.fromkeys(name for name, number in places if frame.scope.names.get(name) != number)
        numbers = {name: self.stands_for() for name in changed}
        last = self.stands_for()
        branches = []
        for items, end, names in ways:
            ends = {number: names.get(name, -1) for name, number in numbers.items()}
            branches.append(Branch(items, {**ends, last: end}))
        for name, number in numbers.items():
            if name.startswith("."):
                self.names.inner[name[1:]] = number
            else:
                frame.scope.names[name] = number
        return branches, last

    def read_repeat(self, value: Any, line: int, frame: ListFrame, current: int) -> int:
        if not isinstance(value, yamlfile.Mapping) or not is_list(value.get("layers")):
            return super().read_repeat(value, line, frame, current)
        self.known_keys(value, ("name", "times", "layers"), "repeat: ")
        where = "repeat: "
        try:
            head = self.filled({key: value[key] for key in ("name", "times") if key in value}, frame, line)
            name = self.names.take(head, frame, "repeat", line)
            where = f"{frame.prefix}{name} (repeat): times "
            uses = tuple(sorted(set(open_keys(head.get("times")))))
            counts = self.choices.turns(head.get("times"), uses)
        except SettingError as error:
            self.problem(line, f"{where}{error}")
            return self.broken(frame, line, "repeat")
        self.descend(frame, line, "repeat")
        item = Repeat(self.choices.take_fresh(), times=head.get("times"), uses=uses, line=line)
        ends = [current]
        outer, found = self.items, self.found
        for turn in range(max(counts)):
            self.items = []
            inside = frame.inside(f"{name}.{turn}", current, frame.arguments)
            current = self.read_layers(value["layers"], inside, current)
            item.turns.append(self.items)
            ends.append(current)
            if self.found > found:
                break  # the next turn would only find the same
        self.items = [*outer, item]
        last = self.stands_for()
        item.exits = [{last: end} for end in ends]
        return self.names.put(frame, name, last)

    def defaults(self, parameters: Mapping[str, Any], line: int) -> dict[str, Any]:
        """A block's defaults, which may name choices."""
        return dict(self.filled(dict(parameters), ListFrame("", Scope(0), {}), line))

    def descend(self, frame: ListFrame, line: int, name: str) -> None:
        """Before the parts of a block: the choices that its arguments made."""
        super().descend(frame, line, name)
        if name in self.blocks and self.choices.fresh:
            self.items.append(MadeChoices(self.choices.take_fresh()))


class FamilyNames(Names):
    """The names of a family: which are stated, and layers that choose what they read."""

    def __init__(self, reader: FamilyReader) -> None:
        super().__init__(reader.nodes, reader.problems)
        self.reader = reader
        self.stated = True
        """Whether the family names the layer that is read, or its name follows from its place in the network."""
        self.optional: set[tuple[str, str, str]] = set()

    def take(self, values: dict[str, Any], frame: ListFrame, op: str, line: int) -> str:
        if any(True for _ in open_keys(values.get("name"))):
            raise SettingError("name cannot be chosen")
        self.stated = values.get("name") is not None or (bool(frame.prefix) and op not in frame.scope.names)
        return super().take(values, frame, op, line)

    def inputs(
        self, values: dict[str, Any], cls: type[Layer], frame: ListFrame, current: int, where: str, line: int
    ) -> tuple[int, ...] | None:
        """The maps that a layer reads. A choice of names is put under its own $name while they are looked up."""
        stated = values.get("from")
        names = list(stated) if isinstance(stated, list) else [stated]
        chosen: dict[str, int] = {}
        for number, name in enumerate(names):
            if any(True for _ in open_keys(name)):
                if not isinstance(name, Open):
                    raise SettingError("from must be the name of a layer, or one choice of names")
                own = names[number] = f"${self.reader.choices.variables[name.key].name}"
                if own not in chosen:
                    chosen[own] = self.chosen_input(name.key, frame, where, line)
        if chosen:
            values["from"] = names if isinstance(stated, list) else names[0]
        frame.scope.names |= chosen
        inputs = super().inputs(values, cls, frame, current, where, line)
        for name in chosen:
            del frame.scope.names[name]
        return inputs

    def chosen_input(self, by: int, frame: ListFrame, where: str, line: int) -> int:
        """A number that stands for whichever layer a choice names. A name that is not known yet there makes a network
        that cannot be built, as long as another one is."""
        reader = self.reader
        if by in reader.choices.fresh:
            reader.choices.fresh.remove(by)
        fresh = () if by in reader.choices.shared.values() else (by,)
        known = len(self.unresolved)
        found = [self.named(value, frame, where, line) for value in reader.choices.variables[by].values]
        if any(number >= 0 for number in found):
            self.optional |= set(self.unresolved[known:])
        stand = reader.stands_for()
        reader.items.append(Choose(fresh, by=by, branches=[Branch([], {stand: number}) for number in found]))
        return stand

    def named(self, name: Any, frame: ListFrame, where: str, line: int) -> int:
        """The number of the layer of that name; -1 where there is none yet."""
        if name is None:
            raise SettingError("from must be the name of one layer, not null")
        found = super().inputs({"from": name}, type(IDENTITY), frame, 0, where, line)
        return found[0] if found else -1

    def explain(self) -> None:
        later = {node.name for node in self.nodes if node}
        self.unresolved = [
            entry
            for entry in self.unresolved
            if entry not in self.optional or not {entry[0], entry[1] + entry[0]} & later
        ]
        super().explain()


def key_of(value: Any) -> str:
    """A value as the key of its alternative: true, 3, strided."""
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)


def each_objective(stated: Any) -> Iterator[tuple[str, Any]]:
    """The senses and figures of an objective: a mapping, or a list of mappings."""
    for part in stated if isinstance(stated, list) else [stated]:
        if not isinstance(part, Mapping) or not part:
            raise SettingError(f"must be a mapping such as {{maximize: params}}, not {describe(part)}")
        yield from part.items()


def read_values(stated: Any) -> tuple[tuple[Any, ...], bool]:
    """The values of a choice, and whether it is made anew at each place; raises SettingError.

    >>> read_values({"from": 1, "to": 3})
    ((1, 2, 3), False)
    """
    each = False
    if isinstance(stated, Mapping):
        each = stated.get("each", False)
        if not isinstance(each, bool):
            raise SettingError(f"each must be true or false, not {describe(each)}")
        keys = {key for key in stated if key != "each"}
        if keys == {"values"}:
            stated = stated["values"]
        elif keys == {"from", "to"}:
            first, last = (whole_number(stated[key], key) for key in ("from", "to"))
            if last < first or last - first >= MAX_CHOICE_VALUES:
                raise SettingError(f"from {first} to {last} must be 1 to {MAX_CHOICE_VALUES:,} values")
            stated = list(range(first, last + 1))
        else:
            raise SettingError(f"has values, or from and to, and each, not {', '.join(sorted(keys)) or 'nothing'}")
    if not isinstance(stated, list) or not 1 <= len(stated) <= MAX_CHOICE_VALUES:
        raise SettingError(
            f"must be a list of 1 to {MAX_CHOICE_VALUES:,} values, or have from and to, not {describe(stated)}"
        )
    return tuple(stated), each


def whole_number(value: Any, key: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise SettingError(f"{key} must be an integer, not {describe(value)}")
    return value
