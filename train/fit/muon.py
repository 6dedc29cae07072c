"""Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon): momentum, made orthogonal before each step.

torch.optim.Muon takes two-dimensional parameters alone. Here a convolution's kernel is a matrix with a row for each
output channel, and a grouped convolution's is one such matrix for each of its groups.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

QUINTIC = 3.4445, -4.7750, 2.0315
"""The post's coefficients of a x + b x^3 + c x^5, whose fivefold iteration brings singular values near 1."""


def orthogonal(matrices: Tensor, steps: int = 5) -> Tensor:
    """The nearest orthogonal matrices, roughly: singular values between 0.6 and 1.2 in place of the given ones.

    Shape (n, rows, columns) in and out. Newton-Schulz iterations on the smaller side, in float32; 0 stays 0.
    """
    a, b, c = QUINTIC
    tall = matrices.shape[-2] > matrices.shape[-1]
    x: Tensor = matrices.mT if tall else matrices
    x = x / x.flatten(1).norm(dim=1).clamp(min=1e-7)[:, None, None]
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Muon for the groups whose `matrices` says how many matrices each parameter holds, side by side along its first
    dimension; SGD with the same momentum for the groups where it is None.

    A matrix of m rows and n columns moves by lr * sqrt(max(1, m/n)) times an orthogonal one. Its decay is decoupled:
    it shrinks by lr * weight_decay in a step.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], lr: float, momentum: float, nesterov: bool) -> None:
        super().__init__(groups, {"lr": lr, "momentum": momentum, "nesterov": nesterov, "matrices": None})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            lr, decay, counts = group["lr"], group["weight_decay"], group["matrices"]
            for place, parameter in enumerate(group["params"]):
                if parameter.grad is None:
                    continue
                if counts is None:
                    parameter.sub_(self.moved(group, parameter, parameter.grad + decay * parameter), alpha=lr)
                    continue
                update = self.moved(group, parameter, parameter.grad)
                matrices = update.reshape(counts[place], -1, update[0].numel())
                scale = max(1.0, matrices.shape[1] / matrices.shape[2]) ** 0.5
                parameter.mul_(1 - lr * decay).sub_(orthogonal(matrices).reshape(update.shape), alpha=lr * scale)

    def moved(self, group: dict[str, Any], parameter: Tensor, gradient: Tensor) -> Tensor:
        """The gradient with its momentum."""
        state = self.state[parameter]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        buffer = state["momentum_buffer"].mul_(group["momentum"]).add_(gradient)
        return gradient.add(buffer, alpha=group["momentum"]) if group["nesterov"] else buffer
