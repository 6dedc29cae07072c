"""`rfcalc export --to hub-folder`: a run's network as a folder in the style of a model hub, which needs no rfcalc.

torch.hub.load(FOLDER, NAME, source="local") gives the network with its weights. Nothing is uploaded.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from rfcalc.engine.arch import Arch
from rfcalc.report.cells import text
from rfcalc.source.writer import source

from ..fit.progress import epochs_text
from ..fit.record import Record
from ..fit.target import Target
from ..fit.trained import about_weights
from ..recipe.errors import TrainError
from .page import field_text, markdown_table

HUBCONF = '''\
"""torch.hub.load(FOLDER, "{name}", source="local")"""

dependencies = ["torch", "safetensors"]

import importlib.util
from pathlib import Path

HERE = Path(__file__).parent


def {name}(pretrained=True):
    """The network in evaluation mode; with its trained weights unless pretrained is False."""
    spec = importlib.util.spec_from_file_location("{name}_model", HERE / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    net = module.{made}
    if pretrained:
        from safetensors.torch import load_file

        net.load_state_dict(load_file(HERE / "model.safetensors"))
    return net.eval()
'''


def safetensors_bytes(net: nn.Module, facts: Mapping[str, Any]) -> bytes:
    """The state dict as safetensors; the facts stand as JSON in its metadata under `rfcalc`."""
    from safetensors.torch import save

    state = {name: value.detach().cpu().contiguous().clone() for name, value in net.state_dict().items()}
    return save(state, {"format": "pt", "rfcalc": json.dumps(facts, sort_keys=True)})


def write_folder(folder: Record, record: Record, target: Target, net: nn.Module, about: Mapping[str, Any]) -> Path:
    """Writes model.py, model.safetensors, config.json, hubconf.py, spec.yaml and README.md, the model card."""
    arch = target.arch
    text, made = model_text(target)
    facts = about_weights(about, arch)
    folder.write("model.py", text)
    folder.write("model.safetensors", safetensors_bytes(net, facts))
    folder.write_json("config.json", {**facts, "params": arch.params, "macs": arch.macs})
    folder.write("hubconf.py", HUBCONF.format(name=hub_name(arch), made=made))
    folder.write("spec.yaml", target.text)
    folder.write("README.md", card(arch, facts, about, record))
    return folder.folder


def hub_name(arch: Arch) -> str:
    """What torch.hub.load calls the network."""
    name = re.sub(r"\W", "_", arch.name)
    return name if name[:1].isalpha() else f"net_{name}"


def model_text(target: Target) -> tuple[str, str]:
    """A module's text, and the call that makes the network: written from the spec, or the user's own file."""
    from rfcalc.tracing.user_code import find

    if target.model:
        where, at_file, made = target.model.partition(".py:")
        if not at_file:
            raise TrainError(f"{target.model} lies in a package: a hub folder takes the model of a file, FILE.py:NAME")
        path = Path(f"{where}.py")
        text = path.read_text(encoding="utf-8")
        if beside := imported_from(path.parent, text):
            raise TrainError(f"{path} imports {beside} beside it: a hub folder takes a model that lies in one file")
        ready = made.endswith(")") or isinstance(find(target.model)[0], nn.Module)
        return text, made if ready else f"{made}()"
    code = source(target.arch)
    classes = [node.name for node in ast.parse(code).body if isinstance(node, ast.ClassDef)]
    return code, f"{classes[-1]}()"


def imported_from(folder: Path, text: str) -> str | None:
    """The first of a program's imports that lies in a folder, if one does."""
    for node in ast.walk(ast.parse(text)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += ["." * node.level + (node.module or "")] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            first = name.partition(".")[0]
            if not first or (folder / f"{first}.py").is_file() or any((folder / first).glob("*.py")):
                return name
    return None


CARD = """\
---
library_name: pytorch
tags: [image-classification, rfcalc]
metrics: [accuracy]
---

# {name}

{params:,} parameters, {macs} multiply-adds for one image, receptive field {field} before global pooling.

{figures}

## Use

```python
import torch

net = torch.hub.load("PATH/OF/THIS/FOLDER", "{call}", source="local")
mean, std = torch.tensor({mean}).view(1, -1, 1, 1), torch.tensor({std}).view(1, -1, 1, 1)
images = torch.zeros(1, {input})  # pixel values from 0 to 1
scores = net((images - mean) / std)
```

Classes, in the order of the scores: {classes}.

## Trained

{trained}
"""


def card(arch: Arch, facts: Mapping[str, Any], about: Mapping[str, Any], record: Record) -> str:
    figures = record.read_json("result.json") if (record / "result.json").is_file() else {}
    accuracy = f"{figures['test_accuracy']:.2f} %" if figures else "not measured: the run has not ended"
    epochs = epochs_text(figures["epochs"]) if figures else "unfinished"
    return CARD.format(
        name=arch.name, params=arch.params, macs=text(arch.macs),
        field=field_text(arch.receptive_field.before_global_pool), call=hub_name(arch),
        figures=markdown_table(("data", "test accuracy, last epoch"), [(facts["data"], accuracy)]),
        mean=list(facts["mean"]), std=list(facts["std"]), input=", ".join(map(str, facts["input"])),
        classes=", ".join(facts["classes"]),
        trained=f"{epochs}, seed {about['seed']}, on {about['data']['train']:,} training images of {facts['data']}.",
    )  # fmt: skip
