"""An `Arch` as the text of a spec, which loads back to the same layers: names, defaults left out, one line a layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING
from typing import Any

import yaml

from ..engine.arch import Arch, Node, PrintedAs, demand_one_input
from ..engine.kinds import Kind, settings_of
from ..engine.layers import Join, Layer
from ..engine.layers.base import COUNTS
from ..errors import RfcalcError, SettingError

YAML_WIDTH = 110
SECTIONS = ("claims", "targets", "train")


class Flow(dict[str, Any]):
    """A mapping that is written on one line."""


class FlowList(list[Any]):
    """A list that is written on one line."""


_Dumper: Any = type("_Dumper", (getattr(yaml, "CSafeDumper", yaml.SafeDumper),), {})
_Dumper.add_representer(Flow, lambda dumper, value: dumper.represent_mapping("tag:yaml.org,2002:map", value, True))
_Dumper.add_representer(FlowList, lambda dumper, value: dumper.represent_sequence("tag:yaml.org,2002:seq", value, True))


def dump(arch: Arch) -> str:
    """The text of a spec for a network; `spec.loads` makes the same rows of it. Raises RfcalcError for a layer with a
    setting that no text can hold, and for a network of several inputs.

    >>> from rfcalc.spec.reader import loads
    >>> print(dump(loads("{name: small, input: [3, 8, 8], layers: [conv: {out_channels: 4, kernel_size: 3}, relu]}")))
    name: small
    input: [3, 8, 8]
    layers:
    - conv: {out_channels: 4, kernel_size: 3}
    - relu
    <BLANKLINE>
    """
    demand_one_input(arch, "a spec")
    names = stated_names(arch.nodes)
    document: dict[str, Any] = {"name": arch.name, "input": FlowList(arch.input)}
    if arch.source:
        document["source"] = arch.source
    if arch.notes:
        document["notes"] = list(arch.notes)
    document["layers"] = [layer_line(arch, index, names) for index in range(1, len(arch.nodes) + 1)]
    for key in SECTIONS:
        if section := getattr(arch, key):
            document[key] = yaml_value(section)
    text: str = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, width=YAML_WIDTH, allow_unicode=True, default_flow_style=False
    )
    return text


def yaml_value(value: Any) -> Any:
    """What YAML can write: dicts of dicts, short lists on one line."""
    if isinstance(value, Mapping):
        return {key: yaml_value(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        short = not any(isinstance(v, Mapping) for v in value)
        return FlowList(map(yaml_value, value)) if short else [yaml_value(v) for v in value]
    return value


def stated_names(nodes: Sequence[Node]) -> list[str]:
    """A name for each node that a spec can state, the input's first: their own, but for signs that no name can hold."""
    names = ["input"]
    taken = {"input"}
    for node in nodes:
        name = base = ".".join(filter(None, "".join("_" if c in " \t\n$" else c for c in node.name).split("."))) or "_"
        count = 1
        while name in taken:
            count += 1
            name = f"{base}_{count}"
        taken.add(name)
        names.append(name)
    return names


def layer_line(arch: Arch, index: int, names: Sequence[str]) -> Any:
    """One layer as YAML has it: its name alone, the one value that it takes in short, or a mapping."""
    node = arch.nodes[index - 1]
    layer, joins = node.layer, isinstance(node.layer, Join)
    head: dict[str, Any] = {}
    if names[index] != f"{layer.op}{index}":
        head["name"] = names[index]
    if joins:
        head["from"] = FlowList(names[i] for i in node.inputs)
    elif node.inputs != (index - 1,):
        head["from"] = names[node.inputs[0]]
    counts = {key: getattr(node, key) for key in COUNTS if getattr(node, key) is not None}
    functional, containers = arch.printed.get(node.name, PrintedAs())
    if functional:
        counts["functional"] = True
    if containers:
        counts["containers"] = FlowList(containers)
    settings = written_settings(layer, len(arch.sizes), names[index])
    if not head and not counts and not settings:
        return layer.op
    if list(head) == ["from"] and joins and not counts and not settings:
        return {layer.op: head["from"]}
    short = settings.get(layer.scalar or "")
    if not head and not counts and len(settings) == 1 and short is not None:
        return {layer.op: short}
    return {layer.op: Flow({**head, **settings, **counts})}


def written_settings(layer: Layer, axes: int, name: str) -> dict[str, Any]:
    """The settings that are not what they would be anyway, as YAML writes them."""
    out: dict[str, Any] = {}
    for key, meta in settings_of(type(layer)).items():
        value, kind = getattr(layer, key), meta["kind"]
        if meta["like"]:
            default = getattr(layer, meta["like"])
        else:
            default = MISSING if meta["default"] is MISSING else kind.read(meta["default"], axes)
        if value == default:
            continue
        out[key] = yaml_value(kind.write(value))
        if not reads_back(kind, out[key], axes, value):
            raise RfcalcError(f"{name} ({layer.op}): no spec can state {key}={value}")
    return out


def reads_back(kind: Kind, text: Any, axes: int, value: Any) -> bool:
    try:
        return bool(kind.read(text, axes) == value)
    except SettingError:
        return False
