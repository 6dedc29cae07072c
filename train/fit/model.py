"""The network of a spec, made ready to be trained: its head, dropout, and initial weights as the recipe says."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rfcalc.engine.arch import Arch
from rfcalc.network import Network, seeded
from rfcalc.tracing.outputs import tensors_of

from ..data.formats import Split
from ..data.seeds import seed_of
from ..recipe.recipe import Recipe
from .dropout import exchange_dropout
from .target import Target

PASSING = ("flatten", "identity", "dropout")
"""Layers after a softmax that leave it the head all the same."""
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


def softmax_head(arch: Arch) -> str | None:
    """The name of the softmax that a network ends in, if it does. Cross-entropy on top of it would take the softmax
    of probabilities; log_softmax is no such trap, since its own log-softmax is itself."""
    for row in reversed(arch.rows):
        if row.layer.op == "softmax":
            return row.name
        if row.layer.op not in PASSING:
            return None
    return None


def scores_only(net: nn.Module, arch: Arch) -> None:
    """Makes the network give scores: in a spec's, an identity takes the place of a final softmax; of a torch model's
    own output the first tensor counts, and of probabilities their logarithm."""
    name = softmax_head(arch)
    if not isinstance(net, Network):
        net.register_forward_hook(
            lambda module, inputs, output: scores_of(output).clamp_min(1e-12).log() if name else scores_of(output)
        )
        return
    for step in net.steps:
        if step.name == name:
            net.put(step, nn.Identity())


def scores_of(output: object) -> Tensor:
    """The first tensor of what a module returns, which is the one that is traced."""
    return next(tensors_of(output))


def prepared(target: Target, recipe: Recipe, seed: int, split: Split, mean: Tensor, std: Tensor) -> nn.Module:
    """The network with its first weights, on the CPU; a seed gives the same ones every time."""
    net = target.make(seed_of(seed, "weights"))
    scores_only(net, target.arch)
    exchange_dropout(net)
    if recipe.plain.dropout is not None:
        for module in net.modules():
            if isinstance(module, DROPOUTS):
                module.p = recipe.plain.dropout
    if recipe.plain.initialization == "identity":
        with seeded(seed_of(seed, "identity")):
            near_identity(net)
    if recipe.plain.whiten:
        whiten(net, split, mean, std)
    return net


def near_identity(net: nn.Module) -> None:
    """Each convolution first hands its channels on, as many as it can: a Dirac kernel in its first filters, torch's
    own weights in the others (Jordan 2024, arXiv 2404.00498)."""
    for module in net.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d) and module.weight.shape[1] > 1:
            nn.init.dirac_(module.weight.data[: module.weight.shape[1]])


def whiten(net: nn.Module, split: Split, mean: Tensor, std: Tensor) -> None:
    """The first convolution's filters as the principal directions of the training images' patches, each divided by
    its spread, and each with its negative, as far as there are filters; trained further like any others."""
    first = next((m for m in net.modules() if isinstance(m, nn.Conv2d)), None)
    if first is None or first.groups > 1:
        return
    images = torch.from_numpy(split.images[:5000]).permute(0, 3, 1, 2).float().sub(mean.cpu()).div(std.cpu())
    patches = nn.functional.unfold(images, first.kernel_size, first.dilation)
    samples = patches.transpose(1, 2).reshape(-1, patches.shape[1])[:: max(patches.shape[2] // 64, 1)]
    values, vectors = torch.linalg.eigh(torch.cov(samples.T).double())
    filters = (vectors / (values + 1e-2).sqrt()).T.flip(0).float().view(-1, *first.weight.shape[1:])
    count = min(len(filters), first.out_channels // 2)
    with torch.no_grad():
        scale = first.weight.std() / filters[:count].std()  # as large as torch's own, so that no layer is flooded
        first.weight[:count] = filters[:count] * scale
        first.weight[count : 2 * count] = -filters[:count] * scale
