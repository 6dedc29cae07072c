"""Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon): momentum, made orthogonal before each step.

torch.optim.Muon takes two-dimensional parameters alone. Here a convolution's kernel is a matrix with a row for each
output channel, and a grouped convolution's is one such matrix for each of its groups.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

QUINTIC = 3.4445, -4.7750, 2.0315
"""The post's coefficients of a x + b x^3 + c x^5, whose fivefold iteration brings singular values near 1."""


def orthogonal(stacks: Sequence[Tensor], steps: int = 5) -> list[Tensor]:
    """The nearest orthogonal matrices, roughly: singular values between 0.6 and 1.2 in place of the given ones.

    Each stack is (n, rows, columns), in and out. Newton-Schulz iterations in float32; 0 stays 0. One multiplies x from
    the left by a + b g + c g^2 of its Gram matrix g = x x^T. These factors are found on g alone, which is as small as
    the smaller side, for all stacks with that side together; only their product meets x.
    """
    wide: list[Tensor] = [stack.mT if stack.shape[1] > stack.shape[2] else stack for stack in stacks]
    wide = [x / x.flatten(1).norm(dim=1).clamp(min=1e-7)[:, None, None] for x in wide]
    alike = defaultdict(list)
    for place, x in enumerate(wide):
        alike[x.shape[1]].append(place)
    for places in alike.values():
        products = product_of_factors(torch.cat([wide[place] @ wide[place].mT for place in places]), steps)
        parts = torch.split(products, [len(wide[place]) for place in places])
        for place, part in zip(places, parts, strict=True):
            wide[place] = part @ wide[place]
    return [x.mT if stack.shape[1] > stack.shape[2] else x for x, stack in zip(wide, stacks, strict=True)]


def product_of_factors(gram: Tensor, steps: int) -> Tensor:
    """The product of the iterations' factors, from the Gram matrices (n, side, side) of the first."""
    a, b, c = QUINTIC
    product = torch.eye(gram.shape[1], device=gram.device, dtype=gram.dtype).expand_as(gram)
    for step in range(1, steps + 1):
        rest = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)  # the factor without its a
        product = torch.baddbmm(product, rest, product, beta=a)
        if step < steps:
            half = torch.baddbmm(gram, rest, gram, beta=a)
            gram = torch.baddbmm(half, half, rest, beta=a)
    return product


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
            lr, decay = group["lr"], group["weight_decay"]
            counts = group["matrices"] or [0] * len(group["params"])
            learning = [(p, count) for p, count in zip(group["params"], counts, strict=True) if p.grad is not None]
            parameters: list[Tensor] = [parameter for parameter, _ in learning]
            gradients: list[Tensor] = [parameter.grad for parameter, _ in learning]
            if not learning:
                continue
            if group["matrices"] is None:
                gradients = list(torch._foreach_add(gradients, parameters, alpha=decay))
                torch._foreach_add_(parameters, self.moved(group, parameters, gradients), alpha=-lr)
                continue
            torch._foreach_mul_(parameters, 1 - lr * decay)
            # From here on the channels stand last, as a convolution's weights lie in memory.
            updates = [update.movedim(1, -1) for update in self.moved(group, parameters, gradients)]
            stacks = [u.reshape(count, -1, u[0].numel()) for u, (_, count) in zip(updates, learning, strict=True)]
            for parameter, update, found in zip(parameters, updates, orthogonal(stacks), strict=True):
                scale = max(1.0, found.shape[1] / found.shape[2]) ** 0.5
                parameter.movedim(1, -1).sub_(found.reshape(update.shape), alpha=lr * scale)

    def moved(self, group: dict[str, Any], parameters: list[Tensor], gradients: list[Tensor]) -> list[Tensor]:
        """The gradients with their momentum."""
        for parameter in parameters:
            if "momentum_buffer" not in self.state[parameter]:
                self.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        buffers = [self.state[parameter]["momentum_buffer"] for parameter in parameters]
        torch._foreach_mul_(buffers, group["momentum"])
        torch._foreach_add_(buffers, gradients)
        return list(torch._foreach_add(gradients, buffers, alpha=group["momentum"])) if group["nesterov"] else buffers
