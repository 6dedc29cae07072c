"""Layers drawn in boxes, and in lists of blocks that state what comes out: right as they stand, wrong with one slip."""

from __future__ import annotations

import pytest

from rfcalc.readme.audit.audit import audit


def cells_of(text: str) -> list[tuple[object, ...]]:
    return [(cell.column, cell.stated, cell.computed) for cell in audit(text).cells]


BOXES = """```
Input (1×28×28)
      ↓
┌─────────────────┐
│  Conv 3×3×8     │ ← 1→8 channels (RF: 3)
│  BatchNorm2d    │
│  ReLU + Dropout │
└─────────────────┘
      ↓
╔═════════════════╗
║     BLOCK 2     ║
╠─────────────────╢
║ Conv 3×3×16     ║ ← 8→16 channels (RF: 5)
║ BatchNorm2d     ║
║ MaxPool 2×2     ║ ← 28×28 → {size}×{size} (RF: {pooled})
╚═════════════════╝
      ↓
╔═════════════════╗
║     BLOCK 3     ║
╠─────────────────╢
║ Conv 3×3×10     ║ ← 16→10 channels (RF: 10)
╚═════════════════╝
```
"""  # 1 + 2 + 2, + 1, + 2*2; 28 / 2


def test_boxes() -> None:
    assert cells_of(BOXES.format(size=14, pooled=6)) == []
    assert ("r_out", 10, 6) in cells_of(BOXES.format(size=14, pooled=10))
    assert ("n_out", 13, 14) in cells_of(BOXES.format(size=13, pooled=6))


BLOCKS = """# A network

### **Block 1 - Features**
- **Input**: 32×32×3
- **Layers**:
  - Conv2d(3→16, 3×3, padding=1) + BN + ReLU
  - Conv2d(16→32, 3×3, padding=1) + BN + ReLU ⭐ **Second Convolution**
- **Output**: 32×32×32, RF=5

### **Block 2 - Dilated**
- **Input**: 32×32×32
- **Layers**:
  - Conv2d(32→32, 3×3, padding=2, dilation=2) + BN + ReLU + Dropout(0.05)
  - Conv2d(32→64, 3×3, stride=2, padding=1) + BN + ReLU
- **Output**: {size}×{size}×64, RF={field}

### **Block 3 - Head**
- **Input**: 16×16×64
- **Layers**:
  - {last}
  - Conv2d(64→64, 3×3, padding=1) + BN + ReLU
- **Output**: 16×16×64, RF={end}

**Receptive field**: 99
"""  # 1 + 2 + 2, + 2*2 + 2 = 11 at stride 2, + 2*2 + 2*2 = 19
PLAIN = "Conv2d(64→64, 3×3, padding=1) + BN"


@pytest.mark.parametrize(
    ("change", "amiss"),
    [
        ({}, []),
        ({"field": 9}, [("r_out", 9, 11)]),
        ({"size": 15}, [("n_out", 15, 16)]),
        ({"end": 17}, [("r_out", 17, 19)]),
        ({"last": "**DepthwiseSeparableConv(64→64)**", "end": 17}, []),  # of any kernel
        ({"last": "Dilated Conv 3x3 (64→64)", "end": 25}, []),  # by any dilation
    ],
)
def test_blocks_that_state_what_comes_out(change: dict[str, object], amiss: list[object]) -> None:
    assert cells_of(BLOCKS.format(**{"size": 16, "field": 11, "last": PLAIN, "end": 19} | change)) == amiss


def test_blocks_need_not_be_all_of_a_network() -> None:
    text = BLOCKS.format(size=16, field=11, last=PLAIN, end=19)
    fields = [claim.verdict for claim in audit(text).claims if claim.quantity == "receptive_field"]
    assert fields == ["undetermined"]
