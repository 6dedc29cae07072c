"""Which function, which rule: every torch function that has a meaning in layers, on one page.

Each line names functions as torch spells them (functions, methods and properties of that name, in-place forms
included), the rule that says what they mean, and their arguments in the order in which torch takes them. A rule adds
layers and returns where the values of the result stand, or raises `Unsupported`. What stands in no line is shown as
opaque by its name; kinds.py lists what needs no rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from ..call import Call
from ..graph import Map
from ..spellings import functions
from . import complex_numbers, fallback, losses, products, sequences, values, views, windows

Handler = Callable[[Call], Map | Sequence[Map | None] | None]


class Rule(NamedTuple):
    """What functions mean: adds layers and returns where the result's values stand, or the results' in their order;
    and the names of the functions' arguments, in their order."""

    names: str
    handler: Handler
    arguments: str = "input"


def per_axes(names: str, handler: Callable[..., Map], arguments: str) -> Iterator[Rule]:
    """A rule for functions that there are for one, two and three axes; {n} stands for the number."""
    for n in (1, 2, 3):
        yield Rule(names.format(n=n), partial(handler, n=n), arguments)


POOL = "input kernel_size stride padding dilation ceil_mode return_indices"
STATISTICS = "input running_mean running_var weight bias use_input_stats momentum eps"
LOSS = "input target size_average reduce reduction"
WEIGHED = "input target weight size_average reduce reduction"
SEQUENCE = "input hx params has_biases num_layers dropout training bidirectional batch_first"

TABLE: tuple[Rule, ...] = (
    # --- windows: convolutions and pools
    Rule("conv1d conv2d conv3d", products.conv, "input weight bias stride padding dilation groups"),
    Rule(
        "conv_transpose1d conv_transpose2d conv_transpose3d", products.conv_transpose,
        "input weight bias stride padding output_padding groups dilation",
    ),
    Rule("unfold", windows.unfold, "input kernel_size dilation padding stride"),
    *per_axes("max_pool{n}d max_pool{n}d_with_indices", partial(windows.pool, op="max_pool"), POOL),
    *per_axes("avg_pool{n}d", partial(windows.pool, op="avg_pool"), "input kernel_size stride padding ceil_mode"),
    *per_axes(  # a mean of powers, which sees what a mean sees
        "lp_pool{n}d", partial(windows.pool, op="avg_pool", label="lp_pool"),
        "input norm_type kernel_size stride ceil_mode",
    ),
    *per_axes("adaptive_avg_pool{n}d", partial(windows.adaptive_pool, op="avg_pool"), "input output_size"),
    *per_axes(
        "adaptive_max_pool{n}d adaptive_max_pool{n}d_with_indices", partial(windows.adaptive_pool, op="max_pool"),
        "input output_size return_indices",
    ),
    *per_axes("max_unpool{n}d", windows.max_unpool, "input indices kernel_size stride padding output_size"),
    # --- resampling: maps of other sizes
    Rule(
        "interpolate", windows.interpolate,
        "input size scale_factor mode align_corners recompute_scale_factor antialias",
    ),
    Rule("pixel_shuffle", windows.pixel_shuffle, "input upscale_factor"),
    Rule("pixel_unshuffle", windows.pixel_unshuffle, "input downscale_factor"),
    Rule("channel_shuffle native_channel_shuffle", windows.channel_shuffle, "input groups"),
    Rule("pad constant_pad_nd", values.padding, "input pad mode value"),
    Rule("roll", values.roll, "input shifts dims"),
    # --- matrix products and attention
    Rule("linear", products.linear, "input weight bias"),
    Rule("matmul mm bmm __matmul__ __rmatmul__", products.matmul, "input other"),
    Rule("einsum", products.einsum, "equation"),
    Rule("scaled_dot_product_attention", products.attention, "query key value attn_mask"),
    Rule(
        "multi_head_attention_forward", products.multi_head_attention, "query key value embed_dim_to_check num_heads"
    ),
    # --- norms
    Rule("batch_norm", windows.normed, "input running_mean running_var weight bias training momentum eps"),
    Rule("instance_norm", windows.normed, STATISTICS),
    Rule("group_norm", partial(windows.normed, settings=["num_groups"]), "input num_groups weight bias eps"),
    Rule("layer_norm rms_norm", windows.layer_norm, "input normalized_shape weight bias eps"),
    Rule("normalize", values.normalize, "input p dim"),
    # --- activations: each value by itself, as a layer type of its own
    Rule("relu relu6 selu gelu silu mish hardswish hardsigmoid sigmoid tanh softplus", windows.activation),
    Rule("hardtanh", windows.hardtanh, "input min_val max_val inplace"),
    Rule("leaky_relu", partial(windows.activation, negative_slope=0.01), "input negative_slope inplace"),
    Rule("elu", partial(windows.activation, alpha=1.0), "input alpha inplace"),
    Rule("prelu", windows.prelu, "input weight"),
    Rule("dropout", partial(windows.activation, p=0.5), "input p training inplace"),
    Rule("dropout1d dropout2d dropout3d feature_dropout", windows.dropout_spatial, "input p training inplace"),
    Rule(
        "alpha_dropout feature_alpha_dropout", partial(windows.activation, op="alpha_dropout", p=0.5),
        "input p training inplace",
    ),
    Rule("softmax log_softmax softmin", windows.softmax, "input dim"),
    Rule("glu", windows.glu, "input dim"),
    # --- joins: several tensors into one
    Rule("cat concat concatenate", values.cat, "tensors dim"),
    Rule("stack", values.stack, "tensors dim"),
    # --- arithmetic: values in step, and functions of each value
    Rule(
        "add sub subtract rsub mul multiply div divide true_divide floor_divide pow fmod remainder hypot xlogy "
        "copysign heaviside atan2 lerp addcmul addcdiv __add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ __div__ "
        "__rdiv__ __truediv__ __rtruediv__ __pow__ __rpow__ __mod__ __rmod__ "
        "maximum minimum fmax fmin where clamp clip masked_fill threshold normal __and__ __or__ __xor__",
        values.arithmetic, "input other",
    ),
    Rule("eq ne lt le gt ge greater less logical_and logical_or logical_xor", values.comparison, "input other"),
    Rule(
        "abs absolute neg negative exp exp2 expm1 log log2 log10 log1p sqrt rsqrt square reciprocal sin cos tan asin "
        "acos atan sinh cosh asinh acosh atanh erf erfc sign sgn round floor ceil trunc frac sinc expit deg2rad "
        "rad2deg lgamma digamma xlog1py entr erfinv ndtri log_ndtr i0 i0e logit nan_to_num clamp_min clamp_max "
        "celu logsigmoid softsign hardshrink softshrink tanhshrink rrelu local_response_norm bernoulli poisson "
        "isnan isinf isfinite logical_not __invert__ bitwise_not",
        values.values,
    ),
    # --- reductions: many places into one
    Rule(
        "mean sum amax amin prod logsumexp any all median argmax argmin nansum nanmean std_mean var_mean max min mode "
        "count_nonzero",
        values.reduction, "input dim keepdim",
    ),
    Rule("std var", values.reduction, "input dim"),
    Rule("norm", values.reduction, "input p dim keepdim"),
    Rule("vector_norm matrix_norm", values.reduction, "input ord dim keepdim"),
    Rule("quantile", values.reduction, "input q dim keepdim"),
    Rule(
        "cumsum cumprod flip sort argsort fliplr flipud logcumsumexp cummax cummin", values.mixed_along, "input dim"
    ),
    # --- distances and losses
    Rule("pairwise_distance", losses.pairwise_distance, "x1 x2 p eps keepdim"),
    Rule("cosine_similarity", losses.cosine_similarity, "x1 x2 dim"),
    Rule("mse_loss l1_loss smooth_l1_loss soft_margin_loss kl_div", losses.elementwise, LOSS),
    Rule("huber_loss", losses.elementwise, "input target reduction"),
    Rule("hinge_embedding_loss", losses.elementwise, "input target margin size_average reduce reduction"),
    Rule("binary_cross_entropy binary_cross_entropy_with_logits", losses.elementwise, WEIGHED),
    Rule("margin_ranking_loss", losses.elementwise, "input1 input2 target margin size_average reduce reduction"),
    Rule(
        "cross_entropy nll_loss", losses.of_classes, "input target weight size_average ignore_index reduce reduction"
    ),
    Rule(
        "triplet_margin_loss", losses.along_last,
        "anchor positive negative margin p eps swap size_average reduce reduction",
    ),
    # --- views: the same values in another shape or order
    Rule("contiguous clone detach data positive requires_grad_ __deepcopy__", views.same),
    Rule(
        "view reshape flatten squeeze unsqueeze ravel view_as reshape_as atleast_2d atleast_3d",
        views.reshape,
    ),
    Rule("unflatten", views.unflatten),
    Rule("permute transpose swapaxes swapdims movedim moveaxis t T mT H mH adjoint", views.permute),
    Rule("expand expand_as broadcast_to", views.expand, "input size"),
    Rule("broadcast_tensors", views.broadcast_tensors),
    Rule("repeat tile", views.repeat, "input repeats"),
    Rule("repeat_interleave", views.repeat_interleave, "input repeats dim"),
    # --- parts of a tensor, read and written
    Rule(
        "chunk split split_with_sizes tensor_split unsafe_chunk unsafe_split unsafe_split_with_sizes", views.split,
        "input parts dim",
    ),
    Rule("unbind", views.unbind, "input dim"),
    Rule("select", views.select, "input dim index"),
    Rule("narrow", views.narrow, "input dim start length"),
    Rule("__getitem__", views.getitem, "input index"),
    Rule("index_select", views.index_select, "input dim index"),
    Rule("__setitem__", views.setitem, "input index value"),
    # --- sequences
    Rule("embedding", sequences.embedding, "input weight"),
    Rule("lstm gru rnn_tanh rnn_relu quantized_lstm quantized_gru", sequences.recurrent, SEQUENCE),
    Rule("lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell", sequences.cell, "input hx w_ih w_hh b_ih b_hh"),
    # --- complex numbers and rounded ones
    Rule("real resolve_conj resolve_neg", views.same),  # each number as it is, as far as its place goes
    Rule("imag", partial(complex_numbers.part, name="imag")),
    Rule("angle conj conj_physical", complex_numbers.part),
    Rule("complex polar", complex_numbers.complex_of, "real imag"),
    Rule("view_as_real", complex_numbers.view_as_real),
    Rule("view_as_complex", complex_numbers.view_as_complex),
    Rule(  # what they make counts as plain numbers here
        "quantize_per_tensor quantize_per_channel quantize_per_tensor_dynamic dequantize "
        "fake_quantize_per_tensor_affine fake_quantize_per_channel_affine fused_moving_avg_obs_fake_quant "
        "_fake_quantize_learnable_per_tensor_affine _fake_quantize_learnable_per_channel_affine",
        values.values,
    ),
    # --- known to move values about, nobody knows where to: no unit sees more than all of them
    Rule(
        "grid_sample affine_grid gather take_along_dim scatter scatter_add index_add topk rot90 fold masked_scatter "
        "cdist multinomial",
        fallback.sees_all,
    ),
)  # fmt: skip


class Entry(NamedTuple):
    """The rule of one function, and the names of the function's arguments."""

    handler: Handler
    arguments: tuple[str, ...]


def by_function(table: Sequence[Rule]) -> dict[Any, Entry]:
    """Each function of the table with its rule. Raises ValueError for one that stands in two lines."""
    found: dict[Any, tuple[int, Entry]] = {}
    for number, rule in enumerate(table):
        entry = Entry(rule.handler, tuple(rule.arguments.split()))
        for function in functions(rule.names, in_place=True):
            if found.setdefault(function, (number, entry))[0] != number:
                raise ValueError(f"{function} has two rules: {table[found[function][0]].names}; {rule.names}")
    return {function: entry for function, (_, entry) in found.items()}


RULES = by_function(TABLE)
