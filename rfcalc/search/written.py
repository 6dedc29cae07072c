"""A repaired spec as its author's text with the edits in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from ..engine.kinds import settings_of
from ..spec.writer import yaml_value
from .edits import BEFORE, CONV, SEPARABLE, Edit, edited_settings
from .sites import Sites, Written, YamlPlace
from .walker import EditPlan, Walker, changes_by_layer
from .yamltext import YamlText, content_end, flow


def rewritten(sites: Sites, plan: EditPlan, places: Mapping[YamlPlace, Edit], claims: Sequence[tuple[str, ...]]) -> str:
    """The text under a plan, without the given claims. `places` are the items that an edit changes as a whole."""
    text = YamlText(sites.text, sites.document)
    settings = stated_settings(sites, plan)
    for place, values in settings.items():
        if place not in places or places[place].kind == "layer":
            text.state(place, values, sites.items[place].scalar)
    for place, edit in places.items():
        item = sites.items[place]
        if edit.kind == "layer":
            op, new = next(value for (_, key), value in edit.changes.items() if key == BEFORE)
            text.put_in(place, op, new)
        else:
            whole_item(text, sites, item, edit, settings.get(place, {}))
    if claims:
        text.drop("claims", list(claims))
    return text.done()


def stated_settings(sites: Sites, plan: EditPlan) -> dict[YamlPlace, dict[str, Any]]:
    """The settings that the plan changes, padding that follows included, by the item that must state them."""
    walker = Walker(sites, ())
    found: dict[YamlPlace, dict[str, Any]] = {}
    for number, changes in changes_by_layer(plan).items():
        built = sites.built[number - 1]
        old, new = built.node.layer, walker.changed(built.node.layer, changes)
        before, after = edited_settings(old), edited_settings(new)
        for key, meta in settings_of(type(old)).items():
            origin = built.origin(key)
            if before[key] == after[key] or origin is None:
                continue
            if meta["like"] and after[key] == after[meta["like"]] and before[key] == before[meta["like"]]:
                continue
            found.setdefault(origin.place, {})[origin.key] = yaml_value(after[key])
    return found


def whole_item(text: YamlText, sites: Sites, item: Written, edit: Edit, settings: Mapping[str, Any]) -> None:
    """A pool written as a convolution, or a convolution as a depthwise separable pair, its other settings as stated."""
    number = next(n for n, key in edit.changes if key in (CONV, SEPARABLE))
    built, row = sites.built[number - 1], sites.arch.rows[number - 1]
    raw: dict[str, Any] = dict(item.value) if isinstance(item.value, Mapping) else {}
    if not raw and item.value is not None:
        raw = {str(item.scalar): item.value}
    raw |= settings
    if edit.kind == "pool":
        raw.pop("ceil_mode", None)
        conv = {**name_and_source(raw), "out_channels": row.x.channels, **raw}
        conv.setdefault("stride", conv["kernel_size"])
        replace_item(text, item, [("conv", conv)])
        return
    name = raw.pop("name", None)
    first = {**({"name": f"{name}_depthwise"} if name else {}), **raw}
    first |= {"out_channels": row.x.channels, "groups": "depthwise"}
    second = {**({"name": name} if name else {}), "out_channels": raw["out_channels"], "kernel_size": 1}
    if "bias" in raw:
        second["bias"] = raw["bias"]
    assert built.item.place == item.place
    replace_item(text, item, [("conv", first), ("conv", second)])


def name_and_source(raw: dict[str, Any]) -> dict[str, Any]:
    """The name and source of a layer, which come first; taken out of its settings."""
    return {key: raw.pop(key) for key in ("name", "from") if key in raw}


def replace_item(text: YamlText, item: Written, layers: list[tuple[str, dict[str, Any]]]) -> None:
    node = text.item(item.place)
    flowing = text.nodes[item.place[0]].flow_style
    column = node.start_mark.column - 2
    glue = ", " if flowing else "\n" + " " * column + "- "
    new = glue.join(f"{op}: {flow(settings)}" for op, settings in layers)
    end = node.value[-1][1] if isinstance(node, yaml.MappingNode) else node
    text.changes.append((node.start_mark.index, content_end(end), new))
