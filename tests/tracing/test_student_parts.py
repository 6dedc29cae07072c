"""Parts of networks as students write them, used together: each case's figure is worked out by hand."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from rfcalc.errors import RfcalcError
from rfcalc.proof.check import check_target
from rfcalc.report.compare import compare
from rfcalc.source.writer import source
from rfcalc.spec.writer import dump
from rfcalc.tracing.trace import trace


class Windows(nn.Module):
    """Attention inside windows of 4x4 patches, the windows in the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 2, stride=2)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> Any:
        x = self.patches(x)
        b, c, h, w = x.shape
        t = x.view(b, c, h // 4, 4, w // 4, 4).permute(0, 2, 4, 3, 5, 1).reshape(-1, 16, c)
        t, _ = self.attention(t, t, t)
        return t.view(b, h // 4, w // 4, 4, 4, c).permute(0, 5, 1, 3, 2, 4).reshape(b, c, h, w)


def test_attention_in_windows_stays_in_its_window() -> None:
    arch = trace(Windows().eval(), (3, 16, 16))
    # patches 12*8*64; each of 4 windows: 4 projections 16*8*8, two products 16*16*8
    assert arch.macs == 12 * 8 * 64 + 4 * (4 * 16 * 64 + 2 * 16 * 16 * 8)
    assert arch.receptive_field.after_global_pool == (8, 8)


class Unpooled(nn.Module):
    """SegNet's pair: each maximum goes back to where it was."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.pool = nn.Conv2d(1, 4, 3, padding=1), nn.MaxPool2d(2, return_indices=True)
        self.unpool = nn.MaxUnpool2d(2)

    def forward(self, x: Tensor) -> Any:
        return self.unpool(*self.pool(self.conv(x)))


class Blanked(nn.Module):
    """A row of the map is set to zero."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Any:
        y = self.conv(x)
        y[:, :, 0, :] = 0
        return y.mul_(2)


class BlankedView(Blanked):
    """The same through a view of the map."""

    def forward(self, x: Tensor) -> Any:
        y = self.conv(x)
        y[:, :, :1].zero_()
        return y.mul(2)


@pytest.mark.parametrize(
    ("module", "image"), [(Unpooled(), (1, 8, 8)), (Blanked(), (3, 9, 9)), (BlankedView(), (3, 9, 9))]
)
def test_places_that_see_nothing_are_no_accusation(module: nn.Module, image: tuple[int, ...]) -> None:
    assert check_target(module, image).ok


@pytest.mark.parametrize("cell", [nn.LSTM, nn.GRU])
@pytest.mark.parametrize("both", [False, True])
def test_packed_recurrent_weights_count(cell: type, both: bool) -> None:
    class Sequence(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cells = cell(8, 6, 2, batch_first=True, bidirectional=both)

        def forward(self, x: Tensor) -> Any:
            return self.cells(x.transpose(1, 2))[0]

    module = Sequence().eval()
    packed = torch.ao.quantization.quantize_dynamic(module, {cell})  # type: ignore[no-untyped-call]
    wanted, found = trace(module, (8, 7)), trace(packed, (8, 7))
    assert (found.params, found.macs) == (wanted.params, wanted.macs)


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)

    def forward(self, left: Tensor, right: Tensor) -> Any:
        return self.conv(left) + self.conv(right)


def test_several_inputs_where_one_is_written() -> None:
    arch = trace(Pair().eval(), {"left": (1, 8, 8), "right": (1, 8, 8)})
    assert compare([arch, arch]).to_json()[0]["params"] == 40
    with pytest.raises(RfcalcError, match=r"has 2 inputs \(left, right\): a spec has one"):
        dump(arch)
    with pytest.raises(RfcalcError, match=r"has 2 inputs \(left, right\): a written module has one"):
        source(arch)


class Pyramid(nn.Module):
    """Pools in a list whose results are each enlarged before the next pool runs."""

    def __init__(self) -> None:
        super().__init__()
        self.pools = nn.ModuleList([nn.AdaptiveAvgPool2d(k) for k in (1, 2, 3)])

    def forward(self, x: Tensor) -> Any:
        return torch.cat([x, *(functional.interpolate(pool(x), x.shape[2:]) for pool in self.pools)], 1)


class Again(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Any:
        return self.conv(self.conv(x))


class OwnKernel(nn.Module):
    """A convolution by weights that the image makes."""

    def __init__(self) -> None:
        super().__init__()
        self.made = nn.Linear(3, 27 * 4)

    def forward(self, x: Tensor) -> Any:
        b, c, h, w = x.shape
        kernel = self.made(x.mean((2, 3))).view(b * 4, c, 3, 3)
        return functional.conv2d(x.reshape(1, b * c, h, w), kernel, padding=1, groups=b).view(b, 4, h, w)


def written(module: nn.Module, image: tuple[int, ...]) -> str:
    return source(trace(module.eval(), image))


def test_code_orders_a_list_of_parts() -> None:
    space: dict[str, object] = {}
    exec(written(Pyramid(), (3, 12, 12)), space)  # what `rfcalc code` writes must run
    x = torch.randn(1, 3, 12, 12)
    assert torch.equal(space["Pyramid"]()(x), Pyramid()(x))  # type: ignore[operator]


def test_code_says_where_weights_are_no_longer_shared() -> None:
    assert "Here they are 296: every layer has weights of its own" in written(Again(), (4, 8, 8))


def test_code_refuses_what_it_cannot_write() -> None:
    with pytest.raises(RfcalcError, match="no torch code can be written for it"):
        written(OwnKernel(), (3, 8, 8))
