"""Fetches the page's libraries from the npm registry by npm itself: `python rfcalc/page/web/vendor.py`.

It reads vendor/versions.json, which pins what comes from where, and writes vendor/ anew: the files, the licences of all
that they hold, and in versions.json their SHA-512 as the registry states it; npm checks that. htm and preact are kept
as they come. CodeMirror comes in many packages: esbuild puts what editor.js uses of them into one file. With --check
nothing is written, and it fails where vendor/ would change.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

VENDOR = Path(__file__).parent / "vendor"
PINNED = json.loads((VENDOR / "versions.json").read_text("utf-8"))
"""The version of esbuild; of each package its version, and the vendored file that holds what is used of it."""
INNER = {"htm": "preact/standalone.module.js"}
"""Where in a package its vendored file stands; the others are put together, or taken for their licence: htm's
standalone build holds preact 10 and its hooks."""
EDITOR = "codemirror.js"
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


def fetch_package(name: str, pinned: dict[str, Any], folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Unpacks a package into node_modules; what versions.json says of it, and the files that are kept of it alone."""
    command = ["npm", "pack", f"{name}@{pinned['version']}", "--json", "--pack-destination", str(folder)]
    (packed,) = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    place = folder / "node_modules" / name
    with tarfile.open(folder / packed["filename"]) as archive:
        archive.extractall(folder, filter="data")
    place.parent.mkdir(parents=True, exist_ok=True)
    (folder / "package").rename(place)
    licence = json.loads((place / "package.json").read_text("utf-8"))["license"]
    said = {**pinned, "licence": licence, "integrity": packed["integrity"]}
    kept = {licence_of(name): (place / "LICENSE").read_bytes()}
    if name in INNER:
        kept[pinned["held"]] = (place / INNER[name]).read_bytes()
    return said, kept


def licence_of(name: str) -> str:
    """The file that holds a package's licence."""
    return f"LICENSE.{name.removeprefix('@').replace('/', '-')}"


def put_together(folder: Path) -> bytes:
    """What is used of CodeMirror as one module, by esbuild."""
    (folder / "used.js").write_text(USED, encoding="utf-8")
    options = ("--bundle", "--minify", "--format=esm", "--target=es2022", "--legal-comments=none", "--charset=ascii")
    esbuild = f"esbuild@{PINNED['esbuild']}"
    command = ["npx", "--yes", esbuild, "used.js", *options, f"--outfile={EDITOR}", "--log-level=error"]
    subprocess.run(command, check=True, cwd=folder)
    return (folder / EDITOR).read_bytes()


def vendored_files() -> dict[str, bytes]:
    """What vendor/ holds, by file."""
    files: dict[str, bytes] = {}
    said = {}
    with TemporaryDirectory() as folder:
        for name, pinned in PINNED["packages"].items():
            said[name], kept = fetch_package(name, pinned, Path(folder))
            files |= kept
        files[EDITOR] = put_together(Path(folder))
    files["versions.json"] = (json.dumps({**PINNED, "packages": said}, indent=1) + "\n").encode()
    return files


if __name__ == "__main__":
    found = vendored_files()
    if "--check" in sys.argv:
        here = {path.name: path.read_bytes() for path in VENDOR.iterdir()}
        sys.exit(here != found and "vendor/ is not what the script writes")
    VENDOR.mkdir(exist_ok=True)
    for name, content in found.items():
        (VENDOR / name).write_bytes(content)
