"""Every count, cost, threshold and budget of this room, with its reason.

A cost is a logarithm of odds: 0 for the usual, 0.7 for what is half as likely, 2.3 a tenth, 4.6 a hundredth. Those of a
convolution's settings follow from counts; the others say how much stranger one explanation is than another.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import NamedTuple

# --- counts ------------------------------------------------------------------------------------------------------


class CountedAnswers(NamedTuple):
    """How often each answer to a question was seen, and how many of a network's own rows weigh as much as all that:
    the strength of a Dirichlet prior with these shares that fits the counts of the single networks best."""

    strength: float
    seen: Mapping[Hashable, int]


COUNTED_ANSWERS = {
    "kernel": CountedAnswers(6.0, {3: 845, 1: 385, "factored": 4, 7: 9, 5: 7, 4: 2, 2: 1}),
    "groups": CountedAnswers(3.0, {"one": 1228, "some": 17}),  # where not each channel is its own
    "bias": CountedAnswers(0.25, {False: 903, True: 226}),
    "strided": CountedAnswers(8.0, {False: 1236, True: 47}),  # asked where the sizes do not show it
    "stride": CountedAnswers(0.25, {2: 46, 3: 1}),  # of those that have one
    "padded point": CountedAnswers(12.0, {False: 342, True: 3}),  # of kernels of 1; the rest of the others
    "dilated": CountedAnswers(3.0, {False: 870, True: 28}),
    "padding": CountedAnswers(0.5, {"keeps": 505, "none": 360, "more": 5}),
    "dilated padding": CountedAnswers(3.0, {"none": 15, "keeps": 10, "undilated": 3}),
}
"""1,283 convolutions of 103 networks: 90 of public student notebooks (CIFAR-10 and MNIST) whose code stands beside the
print, five of archs/ from such documents, and VGG-16, ResNet-18 and 50, GoogLeNet, Inception v3, DenseNet-121,
MobileNet v2 and U-Net; Inception's 34 kernels such as 1x7 count as four, since no other network has any."""
SMOOTHING = 0.5  # half a case more for every answer, and for all that were never seen together (Jeffreys)
TOLD: Mapping[str, Mapping[tuple[str, Hashable], float]] = {
    "dilated": {("dilated", True): 2, ("dilated", False): 12},
    "grouped": {("groups", "some"): 2, ("groups", "one"): 2},
    "no_bias": {("bias", False): 2},
}
"""Rows that a word of the text counts as: networks of the notebooks with a dilated convolution have it in one of seven,
those with groups in about one of two."""
CLEAR_ROW = 3.5  # a row answers a question clearly where all layers that fit answer it alike, up to so unusual ones

# --- windows of convolutions: what no count says ------------------------------------------------------------------

DILATIONS = (1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 18, 24, 36)  # those of papers: DeepLab's rates are the large ones
SMALL_DILATION = 8  # up to which they are tried on maps of any size
STRIDES = tuple(range(1, 9))
LARGEST_KERNEL = 31  # RepLKNet's
COMMON_TAPS = (1, 9, 25, 49, 4, 16, 3, 7, 5, 121)  # of kernels looked for in a count of weights
LARGER = 0.1  # each step of a kernel more: of two that were never seen the smaller
LARGER_DILATION = 1.2  # each step of a dilation beyond 2
MORE_PADDING = 1.0  # each step further than one beyond what keeps the map
OBLONG = 3.0  # a kernel of two sides that is no 1xk
UNEVEN = 3.0  # strides that differ from axis to axis
UNEVEN_PADDING = 2.0
LONGEST_FACTOR = 9  # of 1xk kernels: Inception's are 7
WHOLE_MAP = 0.6  # a kernel as large as its map: a layer of weights on all, by another name
EVEN_SAME = 3.0  # padding "same" with an even kernel, which no number can write
HALVING = 0.3  # a stride that the sizes show, beside pools that leave no row
UNSTRIDED = 2.0  # a map smaller than half the one before without a stride, unless it is the last
UNSEEN_STRIDE = 2.0  # one that a map of 1x1 does not show
MADE_UP_STRIDE = 4.0  # one that padding makes up for
SKIPPING = 1.0  # a stride larger than its kernel
PATCH, SMALLEST_PATCH = 0.5, 4  # kernels side by side, as large as vision transformers' and ConvNeXt's
DEPTHWISE_CONV = 0.4  # a group for each channel, which the few weights show
DEPTHWISE_POINT = 3.5  # a depthwise 1x1: one factor for each channel
MULTIPLIED = 1.1  # a depthwise layer that makes more channels
LOST_TAPS = 1.5  # a kernel above 1 on a map of 1x1: all but one tap see padding only
OTHER_BIAS = 1.2  # of transposed convolutions: a U-Net's have one where its convolutions have none
TRANSPOSED_EXTRA, TRANSPOSED_PADDING, TRANSPOSED_STRIDE = 0.3, 0.2, 0.1  # each step: the plainest first
ODDEST = 21.2  # how much more unusual than the likeliest a candidate may be: any settings of random networks still are
UNEVEN_WINDOWS, AXIS_WINDOWS = 12, 4  # kept where axes differ, and for each axis of these

# --- other layers ------------------------------------------------------------------------------------------------

MOST_CANDIDATES = 64  # layers kept for a row, the likeliest first
POOL_SIDES = (1, 2, 3, 4, 5, 6, 7, 8)
USUAL_POOLS = {(2, 2, 0): (0.0, 0.5), (3, 2, 0): (0.7, 0.1), (3, 2, 1): (0.7, 0.1), (3, 1, 1): (0.3, 0.3)}
"""The usual kernels, strides and paddings, in plain networks and in those that begin as ResNets do."""
OTHER_POOL = 1.0  # any other
POOL_SIDE, POOL_APART, POOL_PADDING, POOL_STRANGE = 0.2, 0.8, 0.5, 2.0  # each step; strides, paddings; kernels of 1
POOL_WHOLE, POOL_WHOLE_APART, POOL_WHOLE_STRIDE = 0.2, 1.0, 0.1  # the whole map; with another stride, each step of it
POOL_WASTE = 0.3  # a row of the map that no window reads
POOL_CEIL, POOL_CEIL_USUAL, POOL_CEIL_PADDED = 1.3, 0.4, 0.2  # ceil_mode; in GoogLeNet's like; with padding
POOL_UNEVEN = 3.0
LINEAR_MODE = 0.5  # a smooth enlargement instead of torch's default
NORM_GROUPS = {32: 0.0, 8: 0.2, 16: 0.3, 4: 0.4, 2: 0.6, 1: 0.8}  # 32 is the paper's and torch's example
NORM_OTHER, NORM_LARGER = 1.0, 0.001

# --- what a row reads --------------------------------------------------------------------------------------------

ADDED = 0.5  # the sum of loose ends and the row above, for which ends are left loose
CONCATENATED = 0.8  # one after the other
BRANCH, BRANCH_FED, BRANCH_ENTRY, BRANCH_FUSED = 2.3, 1.8, 2.0, 1.2  # an earlier map; the latest convolution's, a
# block's entry, one where branches go on until their container joins them
ENTRY_AGE, FUSED_AGE = 0.1, 0.4  # each entry that is younger
INSIDE_CONTAINER = 0.4  # a map where no container ends, and no pool or image stands
EMPTY_BODY, LONG_BODY, LONGEST_BODY, USUAL_BODY = 0.5, 0.5, 2.0, 3  # no convolution between; each one beyond so many
ENTRIES, JOINS = 4, 6  # block inputs and joins that a reading remembers
REUSE, TOLD_REUSE, SHOWN_REUSE, REUSE_KNOWN = 5.0, 2.5, 1.5, 0.5  # a map that has been read already beside the row
# above: at first, where the text speaks of it, where rows show it; less for a block's entry or a join
REUSE_THREE = 0.5  # two such maps
REUSE_ENTRY = 0.8  # what entered a container, beside what it ends with
JOINED = (1, 2, 3)  # loose ends that are tried beside the row above, and all of them
FUSING = 2.0  # a join inside branches
EARLY = 1.0  # a join inside a block
HIDDEN, SHOWN_UPSAMPLE, TOLD_UPSAMPLE = 9.0, 1.0, 2.5  # a pool or an enlargement without a row
TOLD_POOL, SHOWN_POOL = 1.2, 0.2  # a pool, as unusual as a stride or more; less so where rows show others
FORCED = 4.0  # the most that it costs where the row above cannot be read as it is
FACTORS, UP_FACTORS, LARGEST_FACTOR = (2, 3, 4), (2, 4), 32  # pools and enlargements without a row that are tried
POOL_FACTOR, UP_FACTOR = 0.8, 0.5  # each step beyond 2
POOLED_LINEAR, POOLED_CONV = 1.0, 6.0  # a global pool without a row in front of a linear layer, of a convolution
POOLED_SIDE = 0.3  # a pool that leaves what a linear layer's weights take
FLATTENED, FLATTENED_POOLED = 0.3, 0.8
CONTAINER_UP, CONTAINER_POOL = 1.0, 2.0  # what a container did to its map without a row
GATE, GATE_OTHER = 0.8, 2.5  # times what was pooled; times another map of as many channels
LOOSE, LOOSE_BEFORE_FUSION, LOOSE_AT_END = 3.0, 0.3, 6.0  # an end that nothing reads yet: anywhere, in front of a
# container that prints a concatenation, and when nothing ever reads it
FUSION_SIGHT = 4  # rows above a container in which the layer stands whose map it widens
LONGEST_BLOCK = 60  # layers in a container that is taken for one block
JOIN_BEFORE_NORM = 1.0  # between a convolution and its norm

# --- the search --------------------------------------------------------------------------------------------------

WIDTH = 16  # readings kept from row to row
UNEXPLAINED = 20.0  # a row that nothing explains
ABSURD = 13.0  # a layer as unusual as this explains nothing: other maps are looked for as if none did
EASY = 1.3  # a layer as usual as this is taken where nothing speaks for a branch
PASSED_OVER, PASSED_READ, PASSED_FOUND = 5.0, 4.0, 8.0  # a container's shape; that the next row seems to read; that
# a join explains
RECENT_SHAPES = 24  # shapes whose maps are looked at: a branch seldom begins further up
LATEST, OLDER, OLDER_BORDERS = 3, 24, 2  # maps of a shape that are tried: so many, and borders among so many
PASSES = 3  # readings until the network's own rows agree with what was read
THOROUGH_ROWS = 3000  # rows for which a search without shortcuts is affordable
OTHER_IMAGE = 0.5  # what another input may cost more and still be taken, once the network's own rows have spoken
OTHER_IMAGES, OTHER_IMAGES_AMISS = 1, 2  # inputs that are tried; where a row stayed unexplained
TURNED_FACTOR = 0.01  # what a factored kernel turned round may cost more

# --- the image ---------------------------------------------------------------------------------------------------

COMMON_SIZES = frozenset((28, 32, 64, 96, 128, 224, 256, 299))  # MNIST's, CIFAR's, ImageNet's and their like
USUAL_SIZES = frozenset((48, 56, 84, 112, 150, 160, 192, 227, 240, 320, 384, 416, 448, 512))
USUAL_SIZE = 0.7  # what one of these costs: half as likely
USUAL_VALUES = {784: (1, 28, 28), 3072: (3, 32, 32), 1024: (1, 32, 32), 12288: (3, 64, 64)}
"""Images that a first linear layer reads."""
UNUSUAL = 5.05
"""What an image of any other size costs: of 77 networks in public notebooks none had one, so with half a case for what
was not seen -ln(0.5 / 78) = 5.05."""
CHANNELS = {3: 0.0, 1: 0.1}  # of images
GREY_SIZE = 28  # MNIST's: with three channels it is what a convolution left of 32
OTHER_CHANNELS, MORE_CHANNELS = 9.9, 0.001  # none of 103 networks had others, and each number is one of a hundred
NAMED_IMAGE = 6.0  # what the text's own image is likelier
OTHER_SIZE = 15.0  # what an image costs that a stated size in MB speaks against
NO_IMAGE = 100.0  # one that the first layer cannot read
GROWTHS = (1, 2, 3, 4, 7, 8, 14, 16, 32)  # how much larger than the first map the image may be
FIRST_STRIDES, FIRST_MARGINS = (1, 2, 3, 4), range(-4, 11)  # or by a stride, and so many pixels more
ROUNDED = 0.005 + 1e-9  # how far a size in MB, printed with two digits, may be from the exact one

# --- what stays open ---------------------------------------------------------------------------------------------

OTHER_INPUTS, OTHER_INPUT = 6, 4  # other inputs, and the first layer's alternatives for each
LISTED, LISTED_OF_MANY, MANY = 60, 8, 3000  # alternatives of a row; fewer in a network of many rows
FRONT_POOLS, FRONT_LAYERS = (2, 3), 2  # pools in front of a row, and layers behind each
LIKELY = 5.0  # how much more unusual than the chosen layer a likely alternative may be
SHOWN = 1  # alternatives shown in a row of the table; JSON has them all
WALK_BUDGET = 100_000  # layers worked out again, in all, to tell what alternatives mean (each phase counts)
FIELD_LIMIT = 12.0  # how unusual the layers may be, in all, that a stated receptive field asks for
MOST_DELTAS = 4096  # growths of the field that are followed
EXCHANGE, LATER = 0.05, 1e-5  # each exchange: few are likelier than many, and later ones than earlier ones
SMALLER_MAP = (2, 3)  # a map of so many parts of the one before begins a block

# --- other forms -------------------------------------------------------------------------------------------------

OPENED_PAIR = 9  # taps of the convolutions that stand in pairs in a closed container
OPENED_TAPS = (1, 9, 25, 49)  # kernels of the convolutions that a closed container may hold
FEWEST_AGREEING = 2  # convolutions that must agree before two descriptions are taken for one network
LARGEST_SPREAD = 64  # kernels up to this reach are tried with every padding; larger ones are as large as their map
NOTED_ROWS = 4  # rows whose stated size is another that a note names
LARGE_STEM = 7  # the kernel with which networks begin whose pools overlap
CACHED = 65536
"""Results kept of each small function."""
