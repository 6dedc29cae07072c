"""The optimizer of a recipe, with its groups of parameters, and the moving average of the weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..recipe.recipe import Ema, Optimizer
from .muon import Muon

NORM_MODULES = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm)


def parameter_groups(net: nn.Module, recipe: Optimizer) -> list[dict[str, Any]]:
    """Parameters by what applies to them: weights; norms and biases, which need not decay; the norms' biases, which
    can have a learning rate of their own. `factor` multiplies the schedule's.

    For Muon the weights are `matrices`, all but the last, which makes the scores.
    """
    weights, plain, norm_biases, matrices = [], [], [], []
    for module in net.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if isinstance(module, NORM_MODULES) and name == "bias":
                norm_biases.append(parameter)
            elif isinstance(module, NORM_MODULES) or name == "bias":
                plain.append(parameter)
            elif recipe.name == "muon" and parameter.ndim > 1:
                matrices.append((parameter, getattr(module, "groups", 1)))
            else:
                weights.append(parameter)
    if matrices:
        weights.append(matrices.pop()[0])
    decay, factor, matrix_factor = recipe.weight_decay, recipe.norm_bias_lr, recipe.matrix_lr
    small = decay if recipe.decay_norms else 0.0
    # The decay of a step is lr times decay: a group with another lr takes the decay that leaves it as it is. SGD's
    # momentum multiplies it by 1 / (1 - momentum); Muon's matrices shrink as fast.
    matrix_decay = decay / (1 - recipe.momentum) / matrix_factor if matrix_factor else 0.0
    groups = [
        {"params": weights, "weight_decay": decay, "factor": 1.0},
        {"params": plain, "weight_decay": small, "factor": 1.0},
        {"params": norm_biases, "weight_decay": small / factor if factor else 0.0, "factor": factor},
        {"params": [parameter for parameter, _ in matrices], "weight_decay": matrix_decay, "factor": matrix_factor,
         "matrices": [count for _, count in matrices]},
    ]  # fmt: skip
    return [group for group in groups if group["params"]]


def optimizer_of(net: nn.Module, recipe: Optimizer) -> torch.optim.Optimizer:
    groups = parameter_groups(net, recipe)
    if recipe.name == "adamw":
        return torch.optim.AdamW(groups, lr=recipe.lr, betas=(recipe.momentum, 0.999), fused=True)
    if recipe.name == "muon":
        return Muon(groups, recipe.lr, recipe.momentum, recipe.nesterov)
    return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.nesterov, fused=True)


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = lr * group["factor"]


class Average:
    """The moving average of a network's weights and norm statistics."""

    def __init__(self, net: nn.Module, recipe: Ema) -> None:
        self.recipe = recipe
        self.live = {k: v for k, v in net.state_dict(keep_vars=False).items() if v.is_floating_point()}
        self.values = {name: value.clone() for name, value in self.live.items()}

    def update(self, step: int) -> None:
        """After the `step`-th step, counted from 1; early on the average follows more closely, and before its first
        turn it is the weights themselves."""
        if step % self.recipe.every:
            if step < self.recipe.every:
                torch._foreach_copy_([*self.values.values()], [*self.live.values()])
            return
        turns = step // self.recipe.every
        decay = min(self.recipe.decay, (1 + turns) / (10 + turns))
        with torch.no_grad():
            torch._foreach_lerp_([*self.values.values()], [*self.live.values()], 1 - decay)
            if self.recipe.lookahead:
                torch._foreach_copy_([*self.live.values()], [*self.values.values()])

    def load(self, values: Mapping[str, Tensor]) -> None:
        for name, value in self.values.items():
            value.copy_(values[name])

    def swap(self) -> None:
        """Exchanges the average and the weights; called twice, all is as it was."""
        for name, value in self.values.items():
            kept = value.clone()
            value.copy_(self.live[name])
            self.live[name].copy_(kept)
