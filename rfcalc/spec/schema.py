"""The JSON Schema of the spec language, made from the layer types: for completion and checking in editors."""

from __future__ import annotations

from dataclasses import MISSING
from typing import Any

from ..engine.kinds import MAX_SETTING, required_settings, settings_of
from ..engine.layers import LAYER_FEATURES, LAYERS, Join, Layer
from ..engine.layers.base import COUNTS
from .claims import ACCURACIES, FEATURE_TARGETS, FIELDS, LIMITS, PER_LAYER, TOTAL_CLAIMS
from .stated import PATTERN

NAMES_SCHEMA = {"type": "array", "items": {"type": "string"}, "minItems": 2}
COUNT_SCHEMA = {"type": "integer", "minimum": 0}
PARAMETER = {"type": "string", "pattern": "\\$"}


def or_parameter(schema: dict[str, Any]) -> dict[str, Any]:
    """A value, or the $name of a block's parameter in its place."""
    return {"anyOf": [schema, PARAMETER, {"type": "array", "contains": PARAMETER}]}


def closed(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    """A mapping with these keys and no others."""
    needs = {"required": required} if required else {}
    return {"type": "object", "properties": properties, **needs, "additionalProperties": False}


def layer_schema(cls: type[Layer]) -> dict[str, Any]:
    """What may stand after a layer's name: its settings, or the one value that it takes in short."""
    known = settings_of(cls)
    properties: dict[str, Any] = {key: or_parameter(meta["kind"].schema()) for key, meta in known.items()}
    for key, meta in known.items():
        if meta["default"] is not MISSING:
            properties[key]["default"] = meta["default"]
    joins = issubclass(cls, Join)
    properties |= {"name": {"type": "string"}, "from": NAMES_SCHEMA if joins else {"type": "string"}}
    properties |= {
        **dict.fromkeys(COUNTS, COUNT_SCHEMA),
        "functional": {"type": "boolean"},
        "containers": {"type": "array", "items": {"type": "string"}},
    }
    needed = required_settings(cls)
    required = [*needed, *(["from"] if joins else [])]
    forms = [closed(properties) | ({"required": required} if required else {})]
    if joins:
        forms.append(NAMES_SCHEMA)
    elif cls.scalar and set(needed) <= {cls.scalar}:
        forms.append(or_parameter(known[cls.scalar]["kind"].schema()))
    if not required:
        forms.append({"type": "null"})
    return {"anyOf": forms, "description": " ".join((cls.__doc__ or "").split())}


def spec_schema(train: dict[str, Any]) -> dict[str, Any]:
    """JSON Schema, draft 2020-12, of a spec file; `train` is that of a recipe, which the trainer knows."""
    layers, times = {"$ref": "#/$defs/layers"}, or_parameter({"type": "integer", "minimum": 1})
    repeat = closed({"name": {"type": "string"}, "times": times, "layers": layers}, ["times", "layers"])
    known = {**{op: layer_schema(cls) for op, cls in LAYERS.items()}, "repeat": repeat}
    layer = {
        "anyOf": [
            {"type": "string", "description": "a layer or block without settings"},
            {"type": "object", "minProperties": 1, "maxProperties": 1, "properties": known},
        ]
    }
    block = closed({"parameters": {"type": "object"}, "layers": layers}, ["layers"])
    size = {"type": "integer", "minimum": 1, "maximum": MAX_SETTING}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "rfcalc spec",
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "input": {"type": "array", "items": size, "minItems": 1, "maxItems": 4},
            "source": {"type": "string"},
            "notes": {"type": "array", "items": {"type": "string"}},
            "blocks": {"type": "object", "additionalProperties": block},
            "layers": layers,
            "claims": claims_schema(),
            "targets": targets_schema(),
            "train": train,
        },
        "required": ["input", "layers"],
        "additionalProperties": False,
        "$defs": {"layers": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/layer"}}, "layer": layer},
    }


FIGURE = {"anyOf": [COUNT_SCHEMA, {"type": "string", "pattern": f"^{PATTERN}$"}]}


def claims_schema() -> dict[str, Any]:
    per_layer = closed(dict.fromkeys(PER_LAYER, COUNT_SCHEMA))
    return closed({
        **dict.fromkeys((*TOTAL_CLAIMS, *LIMITS), FIGURE),
        "receptive_field": closed(dict.fromkeys(FIELDS, COUNT_SCHEMA)),
        "layers": {"type": "object", "additionalProperties": per_layer},
        **{key: {"type": "number", "minimum": 0, "maximum": 100} for key in ACCURACIES},
    })  # fmt: skip


def targets_schema() -> dict[str, Any]:
    words = {"type": "array", "items": {"enum": [*LAYER_FEATURES, *LAYERS]}}
    limits, features = dict.fromkeys(LIMITS, FIGURE), dict.fromkeys(FEATURE_TARGETS, words)
    return closed({"min_receptive_field": COUNT_SCHEMA, **limits, **features})
