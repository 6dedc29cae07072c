"""Functions that the tracer treats by their kind, without a rule of their own: what is only asked of a tensor, what
changes its type, what makes a tensor anew, and what wants values."""

from __future__ import annotations

import torch

from ..spellings import functions

ABOUT_TENSORS = frozenset(
    functions(
        "shape size dim ndim numel nelement device dtype layout requires_grad is_cuda is_cpu is_meta stride "
        "is_contiguous is_floating_point is_complex __len__ ndimension get_device element_size storage_offset grad_fn "
        "is_leaf grad is_sparse is_quantized names __repr__ __str__ __format__ __hash__ is_tensor"
    )
) | {torch._C._set_grad_enabled}
"""What a program may ask about a tensor, and the switch of torch.no_grad: a run for its values may turn it at other
places than a run on shapes (checkpointed parts do)."""

CASTS = frozenset(functions("to cuda cpu type type_as float double half bfloat16 xpu mps int long"))
"""Functions that only change where a tensor lies or its type; the device is passed over, for there are shapes only."""

READ_VALUES = frozenset(
    functions(
        "item tolist numpy __bool__ __float__ __int__ __index__ __complex__ __array__ is_nonzero equal allclose "
        "nonzero argwhere masked_select unique unique_consecutive bincount histc __contains__"
    )
)
"""Functions whose result depends on the values of a tensor, not on its shape alone."""

FACTORIES = frozenset(
    functions("zeros ones empty full rand randn randint randperm arange linspace logspace eye range tril_indices")
)
"""Functions that make a tensor out of sizes alone."""

FRESH = frozenset(
    functions(
        "zeros_like ones_like empty_like full_like rand_like randn_like randint_like new_zeros new_ones new_empty "
        "new_full new_tensor bernoulli_ uniform_ normal_ zero_ fill_ random_"
    )
)
"""Functions that take a tensor's shape and leave its values."""

FILLED = frozenset(("new_full", "full_like", "fill_"))
"""Those of them that are given what the new tensor is full of."""

PRODUCT_FUNCTIONS = frozenset(
    functions(
        "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d linear matmul mm bmm __matmul__ "
        "__rmatmul__ einsum addmm baddbmm bilinear tensordot outer ger mv dot scaled_dot_product_attention"
    )
)
"""Functions that multiply and add: between weights alone their cost is counted apart."""

OBSERVES = frozenset(("fused_moving_avg_obs_fake_quant",))
"""Functions that write what they have seen into other arguments than the first."""
