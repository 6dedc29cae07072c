"""A document around its layers: its keys, input, blocks, and what is kept beside the network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..engine.arch import Arch, Node, PrintedAs
from ..engine.kinds import describe, read_integer
from ..engine.layers import LAYERS
from ..engine.layers.base import RESERVED, unknown_key
from ..errors import SettingError
from . import yamlfile
from .claims import Problems, read_claims, read_targets
from .problems import ProblemList
from .written import is_list


class SpecDocument:
    """One document and what was read of it; `problems` grows, and is raised once at the end."""

    def __init__(self, document: yamlfile.Mapping, path: str) -> None:
        self.document, self.path = document, path
        self.problems = ProblemList(path)
        self.input: tuple[int, ...] = ()
        self.blocks: dict[str, yamlfile.Mapping] = {}
        self.nodes: list[Node | None] = []
        self.printed: dict[str, PrintedAs] = {}
        self.used: dict[str, str] = {}

    def problem(self, line: int | None, fact: str) -> None:
        self.problems.add(line, fact)

    def known_keys(self, mapping: yamlfile.Mapping, known: tuple[str, ...], where: str) -> None:
        for key in mapping:
            if key not in known:
                self.problem(mapping.lines[key], where + unknown_key(key, list(known)))

    def read_input(self) -> None:
        value, line = self.document.get("input"), self.document.lines.get("input")
        if not isinstance(value, list) or not 1 <= len(value) <= 4:
            stated = "is missing" if value is None else f"is {describe(value)}"
            lists = "channels and 1 to 3 sizes, such as [3, 32, 32], or the length of a vector, [16]"
            self.problem(line, f"input {stated}: it must list {lists}")
            return
        try:
            self.input = tuple(read_integer(v, 1) for v in value)
        except SettingError as error:
            self.problem(line, f"input {error}")

    def read_blocks(self) -> None:
        blocks = self.document.get("blocks")
        if blocks is None:
            return
        if not isinstance(blocks, yamlfile.Mapping):
            self.problem(self.document.lines["blocks"], f"blocks must be a mapping, not {describe(blocks)}")
            return
        for name, block in blocks.items():
            line = blocks.lines[name]
            if name in LAYERS or name == "repeat":
                self.problem(line, f"block {name}: there is a layer of that name")
            elif not isinstance(block, yamlfile.Mapping) or not is_list(block.get("layers")):
                self.problem(line, f"block {name} must be a mapping with layers, and parameters if it has any")
            elif not isinstance(block.get("parameters") or {}, dict):
                self.problem(line, f"block {name}: parameters must map names to defaults (null: none)")
            elif taken := [key for key in RESERVED if key in (block.get("parameters") or {})]:
                self.problem(line, f"block {name}: no parameter can be called {taken[0]}, which every layer has")
            else:
                self.known_keys(block, ("parameters", "layers"), f"block {name}: ")
                self.blocks[name] = block

    def finish(self) -> Arch:
        document = self.document
        texts = {key: self.text(key) for key in ("name", "source")}
        notes = document.get("notes") or []
        if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
            self.problem(document.lines.get("notes"), "notes must be a list of sentences")
            notes = []
        sections: dict[str, Mapping[str, Any]] = {}
        names = {node.name for node in self.nodes if node}
        readers = {"claims": lambda section: read_claims(section, names), "targets": read_targets, "train": unread}
        for key, read in readers.items():
            section = document.get(key)
            if section is not None and not isinstance(section, yamlfile.Mapping):
                self.problem(document.lines.get(key), f"{key} must be a mapping, not {describe(section)}")
            elif section:
                for line, fact in read(section):
                    self.problem(line, fact)
            sections[key] = section if isinstance(section, dict) else {}
        return Arch(
            name=texts["name"] or Path(self.path).stem,
            input=self.input,
            nodes=tuple(node for node in self.nodes if node),
            source=texts["source"],
            notes=tuple(notes),
            path=self.path,
            printed=self.printed,
            blocks=self.used,
            claims=sections["claims"],
            targets=sections["targets"],
            train=sections["train"],
        )

    def text(self, key: str) -> str:
        value = self.document.get(key, "")
        if isinstance(value, str):
            return value.strip()
        self.problem(self.document.lines[key], f"{key} must be text, not {describe(value)}")
        return ""


def unread(section: Any) -> Problems:
    """The problems of a section that another room reads: the trainer, its recipe."""
    return iter(())
