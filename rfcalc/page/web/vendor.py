"""Fetches the page's libraries from the npm registry by npm itself: `python rfcalc/page/web/vendor.py`.

It writes vendor/: the files, the licences of all that they hold, and versions.json, which says what came from where and
its SHA-512 as the registry states it; npm checks that. htm and preact are kept as they come. CodeMirror comes in many
packages: esbuild puts what editor.js uses of them into one file. With --check nothing is written, and it fails where
vendor/ would change.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

VENDOR = Path(__file__).parent / "vendor"
ESBUILD = "0.28.2"
EDITOR = "codemirror.js"


class VendoredPackage(NamedTuple):
    """A package, the vendored file that holds what is used of it, and where that stands in the package: nowhere, where
    it is taken for its licence, or put together with others."""

    name: str
    version: str
    held: str
    inner: str = ""


VENDORED_PACKAGES = (
    # htm's standalone build holds preact 10 and its hooks; preact is fetched for its licence alone
    VendoredPackage("htm", "3.1.1", "htm-preact.js", "preact/standalone.module.js"),
    VendoredPackage("preact", "10.5.14", "htm-preact.js"),
    VendoredPackage("@codemirror/autocomplete", "6.20.4", EDITOR),
    VendoredPackage("@codemirror/commands", "6.11.1", EDITOR),
    VendoredPackage("@codemirror/lang-yaml", "6.1.3", EDITOR),
    VendoredPackage("@codemirror/language", "6.13.1", EDITOR),
    VendoredPackage("@codemirror/lint", "6.9.8", EDITOR),
    VendoredPackage("@codemirror/state", "6.7.6", EDITOR),
    VendoredPackage("@codemirror/streamparser", "6.0.0", EDITOR),
    VendoredPackage("@codemirror/view", "6.43.15", EDITOR),
    VendoredPackage("@lezer/common", "1.5.5", EDITOR),
    VendoredPackage("@lezer/highlight", "1.2.5", EDITOR),
    VendoredPackage("@lezer/lr", "1.4.12", EDITOR),
    VendoredPackage("@lezer/yaml", "1.0.4", EDITOR),
    VendoredPackage("@marijn/find-cluster-break", "1.0.4", EDITOR),
    VendoredPackage("crelt", "1.0.7", EDITOR),
    VendoredPackage("style-mod", "4.1.5", EDITOR),
    VendoredPackage("w3c-keyname", "2.2.8", EDITOR),
)
USED = """\
export { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
export { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
export { yaml } from "@codemirror/lang-yaml";
export { HighlightStyle, bracketMatching, indentUnit, syntaxHighlighting } from "@codemirror/language";
export { lintGutter, setDiagnostics } from "@codemirror/lint";
export { EditorState } from "@codemirror/state";
export { EditorView, drawSelection, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
export { tags } from "@lezer/highlight";
"""
"""What editor.js uses of CodeMirror."""


def fetch(package: VendoredPackage, folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Unpacks a package into node_modules; what versions.json says of it, and the files that are kept of it alone."""
    command = ["npm", "pack", f"{package.name}@{package.version}", "--json", "--pack-destination", str(folder)]
    (packed,) = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    place = folder / "node_modules" / package.name
    with tarfile.open(folder / packed["filename"]) as archive:
        archive.extractall(folder, filter="data")
    place.parent.mkdir(parents=True, exist_ok=True)
    (folder / "package").rename(place)
    said = {
        "version": package.version,
        "licence": json.loads((place / "package.json").read_text("utf-8"))["license"],
        "integrity": packed["integrity"],
        "held": package.held,
    }
    kept = {licence_of(package.name): (place / "LICENSE").read_bytes()}
    if package.inner:
        kept[package.held] = (place / package.inner).read_bytes()
    return said, kept


def licence_of(name: str) -> str:
    """The file that holds a package's licence."""
    return f"LICENSE.{name.removeprefix('@').replace('/', '-')}"


def put_together(folder: Path) -> bytes:
    """What is used of CodeMirror as one module, by esbuild."""
    (folder / "used.js").write_text(USED, encoding="utf-8")
    options = ("--bundle", "--minify", "--format=esm", "--target=es2022", "--legal-comments=none", "--charset=ascii")
    command = ["npx", "--yes", f"esbuild@{ESBUILD}", "used.js", *options, f"--outfile={EDITOR}", "--log-level=error"]
    subprocess.run(command, check=True, cwd=folder)
    return (folder / EDITOR).read_bytes()


def vendored() -> dict[str, bytes]:
    """What vendor/ holds, by file."""
    files: dict[str, bytes] = {}
    said = {}
    with TemporaryDirectory() as name:
        for package in VENDORED_PACKAGES:
            said[package.name], kept = fetch(package, Path(name))
            files |= kept
        files[EDITOR] = put_together(Path(name))
    files["versions.json"] = (json.dumps({"esbuild": ESBUILD, "packages": said}, indent=1) + "\n").encode()
    return files


if __name__ == "__main__":
    found = vendored()
    if "--check" in sys.argv:
        here = {path.name: path.read_bytes() for path in VENDOR.iterdir()}
        sys.exit(here != found and "vendor/ is not what the script writes")
    VENDOR.mkdir(exist_ok=True)
    for name, content in found.items():
        (VENDOR / name).write_bytes(content)
