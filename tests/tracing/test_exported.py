"""Programs of torch.export: the table, the proof and the field of the module that they were exported from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import rfcalc
from rfcalc.errors import RfcalcError


class Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=2, dilation=2)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.conv2(F.relu(self.bn1(self.conv1(x)))))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, 2, 1)
        self.blocks = nn.Sequential(Block(4), Block(4))
        self.up = nn.Upsample(scale_factor=2, mode="bilinear")
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.up(self.blocks(self.stem(x)))
        return self.head(F.adaptive_avg_pool2d(torch.cat([x, x], 1)[:, :4], 1).flatten(1))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Net, str]:
    net, path = Net().eval(), str(tmp_path_factory.mktemp("exported") / "net.pt2")
    images = ({0: torch.export.Dim("images")},)
    torch.export.save(torch.export.export(net, (torch.zeros(2, 3, 16, 16),), dynamic_shapes=images), path)
    return net, path


def test_the_table_is_that_of_the_module(saved: tuple[Net, str]) -> None:
    net, path = saved
    read, traced = rfcalc.load(path), rfcalc.trace(net, (3, 16, 16))
    assert [(r.name, str(r.out), r.params, r.macs, r.out.axes) for r in read.rows] == [
        (r.name, str(r.out), r.params, r.macs, r.out.axes) for r in traced.rows
    ]
    assert (read.name, read.source, read.params) == (
        "net",
        "traced from net.pt2",
        sum(map(torch.numel, net.parameters())),
    )


def test_it_is_proved_and_measured_itself(saved: tuple[Net, str]) -> None:
    net, path = saved
    report = rfcalc.check(path)
    assert (report.ok, report.proved) == (True, True)
    field = rfcalc.effective_field(path, "blocks.0.conv1", count=1)
    assert field.receptive_field == (7, 7)
    assert (
        field.to_json()["map"] == rfcalc.effective_field(net, "blocks.0.conv1", (3, 16, 16), count=1).to_json()["map"]
    )


def test_damaged_files_get_one_message(tmp_path: Path) -> None:
    path = tmp_path / "net.pt2"
    with pytest.raises(RfcalcError, match=r"net\.pt2"):
        rfcalc.load(str(path))
    path.write_bytes(b"layers: [conv]")
    with pytest.raises(RfcalcError, match=r"net\.pt2: no exported program, or a damaged one"):
        rfcalc.load(str(path))
