"""Small networks and documents after public bug reports of other tools, each written anew; each stands for its kind.

`CASES` names the networks with their input and their right values, which were worked out without rfcalc: numel, torch's
FlopCounterMode, gradients of every unit, arithmetic by hand. `DOCUMENTS` does so for what `infer` and `audit` read.
The files are written as users write, so they are neither typed nor linted as our own code is.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent
Field = int | tuple[int, ...] | None


class Case(NamedTuple):
    """A network: file in this folder and name in it, the shape of each input (channels, sizes; without the batch), and
    what is right of it. None stands where no figure was worked out; `field` is that of the last layer, one number where
    all axes agree, unless `note` says otherwise."""

    file: str
    name: str
    inputs: tuple[str, ...]
    params: int | None = None
    macs: int | None = None
    field: Field = None
    note: str = ""

    @property
    def target(self) -> str:
        """As the command line takes it, from the folder of the cases."""
        return f"{self.file}:{self.name}"


def case(target: str, inputs: str, params: int | None = None, macs: int | None = None, field: Field = None,
         note: str = "") -> Case:  # fmt: skip
    """A case from its target (`folder:Name`; the file is model.py unless it is named) and its inputs between spaces."""
    where, name = target.split(":")
    file = where if where.endswith(".py") else f"{where}/model.py"
    return Case(file, name, tuple(inputs.split()), params, macs, field, note)


WHOLE = "the field is the whole input"
ALIKE = "the field is the whole input; all three alike"
CANVAS = "every unit sees pixels 0 to 31 and no more"
HEADS = "outputs scores.class and mask (field 3); nothing is unused"
POLICY = "8 after the convolution, then the whole of 84"
RESHAPE = "the figures of the same network with reshape"

CASES = [
    # target                           inputs        params   MACs         field
    case("shared_activation:Enc",        "1,16,16,16", 8_117,   917_504,     44, "the deepest map"),
    case("tied_weights:Tied",            "3,16,16",    2_864,   612_352,     14, "two modules share a weight"),
    case("lazy_shared_block:Denoise",    "3,32,32",    3_273,   None,        17, "no weights before its first run"),
    case("lazy_shared_block:ready",      "3,32,32",    3_273,   None,        17, "six times the same block counts once"),
    case("siamese:Pair",                 "1,81,81 1,81,81", 117_009, None, None, "in front of fc: 10+1+6*2+2+3*4+4 = 41"),
    case("list_input:Neck",              "8,56,56 16,28,28 32,14,14", note="one list; 7, 3 and 1 of its maps"),
    case("dict_in_out:Heads",            "3,32,32",    1_486,   None,        None, HEADS),
    case("dict_in_out:Strict",           "3,32,32",    1_486,   None,        None, "the input is {'image': tensor}"),
    case("dict_in_out:OutOnly",          "3,32,32",    1_486,   None,        None, HEADS),
    case("deconv_macs:Up",               "4,5,5",      608,     208_800,     3, "9,600 + 4,800 + 21,600 + 172,800"),
    case("bare_parameters:Gated",        "4,16,16",    574,     None,        7,  "trainable 562, frozen 12"),
    *(case(f"bare_parameters/everyday.py:{name}", "3,16,16") for name in
      ("MinusHalf", "Times255", "SumOfList", "Difference", "Gamma", "Clamp", "Halved", "Maximum")),
    case("wavenet:WaveNet",              "1,1200",     None,    None,        1_025, "1 + 1 + (1+2+...+512), causal"),
    case("wavenet:Cropped",              "1,64",       None,    None,        32, "2 + 2*15"),
    case("tcn:TCN",                      "2,1000",     2_127,   2_041_458,   763, "1 + 2*3*127; the last step is taken"),
    case("tcn:body",                     "2,1000",     None,    2_041_440,   763, "1 + 2*3*127"),
    case("compiled_part:whole",          "3,32,32",    808,     None,        7),
    case("compiled_part:Part",           "3,32,32",    1_100,   None,        11),
    case("compiled_part:InPlaceCompiled", "3,32,32",  1_100,   None,        11),
    case("compiled_part:Decorated",      "3,32,32",    832,     None,        5),
    case("compiled_part:Method",         "3,32,32",    808,     None,        7),
    case("scripted:WithScriptedPart",    "3,16,16",    808,     None,        5),
    case("scripted:WithScriptedFunction", "3,16,16",  808,     None,        5),
    case("scripted:traced",              "3,16,16",    None,    None,        3),
    case("dataparallel_part:Two",        "3,16,16",    824,     205_824,     5),
    case("dataparallel_part:whole",      "3,16,16",    824,     205_824,     5),
    case("quantised:static",             "3,16,16",    1_562,   None,        None, "224+1,168+170; field 7 before pooling"),
    case("quantised:aware",              "3,16,16",    1_562,   None,        None, "field 7 before pooling"),
    case("patchgan:coarse",              "3,256,256",  None,    None,        141, "3+6+12+24+48+48"),
    case("patchgan:fine",                "3,256,256",  None,    None,        70),
    case("deformable:Net",               "3,16,16",    2_406,   None,        None, "bound: the whole map"),
    case("same_padding:net",             "3,384,384",  None,    None,        41, "jump 16, start 10.5; pads (2, 3)"),
    case("tokens:Chars",                 "100",        7_972,   None,        None, "ids of letters; c2 sees 15 of them"),
    case("tokens:Lenient",               "1,100",      7_972,   None,        None, "c2 sees 15 letters (7, 9, 15)"),
    case("spp_size:Neck",                "3,64,64",    39_664,  2_326_528,   226, "the last output"),
    case("spp_size:Neck",                "3,75,75",    None,    None,        None, "an error: the maps do not fit"),
    case("aspp:Seg",                     "3,224,224",  None,    None,        627, "37 by its stride of 16; see Only18"),
    case("aspp:pooled",                  "3,224,224"),
    case("aspp:Only18",                  "1,14,14",    10,      None,        37, "one pixel of the image"),
    case("distribution:Policy",          "4,84,84",    21_262,  None,        84, POLICY),
    case("distribution:Sampled",         "4,84,84",    21_262,  None,        84, POLICY),
    case("distribution:Gauss",           "4,84,84",    21_262,  None,        84, POLICY),
    case("distribution:Named",           "4,84,84",    21_262,  None,        84, POLICY),
    case("distribution:Boxed",           "4,84,84",    None,    None,        None, "refused: a plain object"),
    case("half:half",                    "3,16,16",    532,     None,        5),
    case("half:double",                  "3,16,16",    532,     None,        5),
    case("half:Auto",                    "3,16,16",    516,     None,        5),
    case("half:Bytes",                   "3,16,16",    224,     None,        3),
    case("einsum:Mix",                   "6,12,20",    None,    172_800,     3),
    case("einsum:PerPlace",              "6,12,20",    None,    25_920,      3),
    case("einsum:AlongWidth",            "6,12,20",    None,    92_160,      (1, 20)),
    case("einsum:Bilinear",              "6,12,20",    None,    55_728,      None, WHOLE),
    case("loops:Fixed",                  "4,16,16",    148,     None,        11),
    case("loops:BySize",                 "4,64,64",    148,     None,        15),
    case("loops:LayerDrop",              "4,16,16",    592,     None,        9),
    case("loops:Shuffled",               "4,16,16",    None,    None,        None, "7 or 9 (5+2*2), from call to call"),
    case("loops:ByValue",                "4,16,16",    148,     None,        None, "cannot be known"),
    case("two_scales:Two",               "1,57,57,57", 6_427,   342_857_016, 51),
    case("up_from_one:Pool",             "1,32,32",    None,    None,        32, CANVAS),
    case("up_from_one:Nearest",          "1,32,32",    None,    None,        32, CANVAS),
    case("attention_macs:Pooled",        "3,8,8",      None,    18_944),
    case("layout:Lin",                   "3,32,32",    None,    None,        None, RESHAPE),
    case("layout:Bn",                    "12,20",      None,    None,        None, RESHAPE),
    case("layout:Sm",                    "12,20",      None,    None,        None, RESHAPE),
    case("full_of_tensor:Full",          "3,8,8",      None,    None,        3),
    case("full_of_tensor:FullLike",      "3,8,8",      None,    None,        3),
    case("empty_axis:M",                 "3,8,8",      None,    None,        3),
    case("vector_norm:Norm",             "3,8,8",      224,     None,        None, ALIKE),
    case("vector_norm:VectorNorm",       "3,8,8",      224,     None,        None, ALIKE),
    case("vector_norm:LinalgNorm",       "3,8,8",      224,     None,        None, ALIKE),
]  # fmt: skip


class Document(NamedTuple):
    """A text to read: its file in this folder, and what is right to say of it."""

    file: str
    right: str


COMMENTS = "all right: a field in a comment of code belongs to the layer on its line"
TORCHINFO = "all right; the same print in all three"
LISTS = "wrong: the second convolution sees 5, not 6"
MODELS = "nothing wrong: accuracies of different models or epochs do not contradict each other"
FORMULAS = "all right: the value is what stands after the last ="
DOCUMENTS = [
    Document("keras_summary/note.md", "kernels 4 and 4, valid; 1,176 + 15,400 + 16,016 + 170 = 32,762"),
    Document("keras_summary/slip-shown.md", "wrong: conv2d_1 has 8*16*9+16 = 1,168, not 1,175; the total is 20,618"),
    Document("patchgan/note.md", "wrong: row 6 is 141, not 140, and so is the sentence below the table"),
    *(Document(f"readme/acc{n}.md", MODELS) for n in (1, 2, 3)),
    Document("readme/jform.md", FORMULAS),
    Document("readme/jform2.md", FORMULAS),
    Document("readme/branch.md", "all right: a row may read any row above that makes its r_in"),
    Document("readme/excerpt.md", "nothing wrong: the rows are an excerpt, the total in prose is the network's"),
    Document("readme/recursive.txt", "all right: torchinfo's (recursive) rows count nothing again"),
    *(Document(f"readme/{name}", TORCHINFO) for name in ("ti.txt", "ti.ipynb", "ti_ascii0.ipynb")),
    *(Document(f"readme/{name}", COMMENTS) for name in
      ("rfcomment.md", "rfcomment2.md", "rfcomment3.txt", "rfcomment.ipynb", "rfcomment2.ipynb")),
    Document("readme/fangyh.txt", "the print of a receptive-field tool: start, jump and field by layer"),
    Document("readme/collapsed.txt", "a Sequential row of 8,448 is conv 64*128 and norm 2*128"),
    *(Document(f"readme/{name}", LISTS) for name in ("t.csv", "t.html", "t.rst", "t2.rst", "t3.rst", "tab.tsv")),
    Document("readme/tables_as_written.md", "stated below each table"),
]  # fmt: skip
