"""The JSON Schema of recipes, made from their fields: a spec's `train:` section, and a recipe's own file."""

from __future__ import annotations

from dataclasses import MISSING
from typing import Any

from rfcalc.engine.kinds import settings_of

from .recipe import OPTIONAL_SECTIONS, RECIPE_KEYS, RECIPE_SECTIONS, Plain
from .schedule import SCHEDULES


def recipe_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12, of a recipe."""
    sections = {key: described(cls) for key, cls in RECIPE_SECTIONS.items()}
    sections |= {key: {"anyOf": [sections[key], {"type": "null"}]} for key in OPTIONAL_SECTIONS}
    return {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "extends": {"type": "string", "description": "a shipped recipe or a file, of which this one is a change"},
            **described(Plain)["properties"],
            **sections,
            "schedule": {"anyOf": [{"enum": without_settings()}, *map(schedule_schema, SCHEDULES)]},
            "augmentation": {"type": "array", "items": TRANSFORM},
            "stated": {"type": "array", "items": {"type": "string", "pattern": f"^({'|'.join(RECIPE_KEYS)})(\\..+)?$"}},
        },
        "additionalProperties": False,
    }


TRANSFORM = {
    "anyOf": [
        {"type": "string", "description": "a transform without arguments"},
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": {"type": ["object", "null"]},
        },
    ]
}


def described(cls: type) -> dict[str, Any]:
    """A section of settings: each with its kind and default, those without a default required."""
    known = settings_of(cls)
    properties = {name: dict(about["kind"].schema()) for name, about in known.items()}
    for name, about in known.items():
        if about["default"] is not MISSING:
            properties[name]["default"] = about["default"]
    required = [name for name, about in known.items() if about["default"] is MISSING]
    form = {"type": "object", "properties": properties, "additionalProperties": False}
    form["description"] = " ".join((cls.__doc__ or "").split())
    return {**form, "required": required} if required else form


def schedule_schema(name: str) -> dict[str, Any]:
    form = described(SCHEDULES[name])
    return {
        **form,
        "properties": {"name": {"const": name}, **form["properties"]},
        "required": ["name", *form.get("required", [])],
    }


def without_settings() -> list[str]:
    """The schedules that their name alone describes."""
    return [name for name, cls in SCHEDULES.items() if "required" not in described(cls)]
