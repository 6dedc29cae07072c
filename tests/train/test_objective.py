"""What a step minimises: mixed images and a teacher's scores, against sums over soft labels written out."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import rfcalc
from rfcalc.network import build
from rfcalc.train import Result, TrainError, train
from rfcalc.train.data.batches import as_input, normalization_tensors
from rfcalc.train.data.sets import Data, load_data
from rfcalc.train.fit import start
from rfcalc.train.fit.evaluate import Preprocessing
from rfcalc.train.fit.objective import Objective, Teacher
from rfcalc.train.fit.precision import Precision
from rfcalc.train.fit.trained import trained_network
from rfcalc.train.recipe.reader import recipe_for
from rfcalc.train.recipe.recipe import Distillation, Recipe

SPEC = """
name: pupil
input: [3, 8, 8]
layers: [conv: {out_channels: 6, kernel_size: 3}, batch_norm, relu, global_avg_pool, linear: 10]
train: {epochs: 2, batch_size: 20, label_smoothing: 0.1}
"""
CPU = torch.device("cpu")


def recipe(*settings: str) -> Recipe:
    return recipe_for(rfcalc.loads(SPEC), None, settings)


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("pupil") / "pupil.yaml"
    path.write_text(SPEC)
    return str(path)


def run(spec: str, out: Path, *settings: str, **options: Any) -> Result:
    common: dict[str, Any] = {"data": "synthetic", "limit": 200, "precision": "float32", "device": "cpu", "quiet": True}
    return train(spec, out=out, settings=settings, **(common | options))


@pytest.fixture(scope="module")
def teacher(one_thread: None, spec: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher") / "run"
    run(spec, folder, "normalization={mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.1]}")
    return folder


def soft(labels: Tensor) -> Tensor:
    """Labels as shares of the classes, a tenth of each spread over all ten of them."""
    return torch.full((len(labels), 10), 0.01).scatter(1, labels[:, None], 0.91)


def test_the_loss_of_mixed_images_is_that_of_mixed_labels() -> None:
    random = torch.Generator().manual_seed(0)
    scores, labels = torch.randn(6, 10, generator=random), torch.randint(0, 10, (6,), generator=random)
    wanted = 0.7 * soft(labels) + 0.3 * soft(labels.flip(0))
    by_hand = -(wanted * scores.log_softmax(1)).sum(1).mean()
    found = Objective(recipe(), 0).loss(scores, labels, 0.7, torch.empty(0))
    assert torch.isclose(found, by_hand)
    inputs = torch.randn(6, 3, 2, 2, generator=random)
    mixed = Objective(recipe(), 0).mixed(inputs, 0.7)
    assert torch.allclose(mixed[1], 0.7 * inputs[1] + 0.3 * inputs[4])


def test_a_share_is_at_least_half_and_rises_from_nothing() -> None:
    """Beta(1, 1) is uniform: the other image's part is then uniform below 0.5, 0.25 on average; a rising mixup takes
    the part of it that is done of the run."""
    whole, rising = Objective(recipe("mixup={alpha: 1}"), 0), Objective(recipe("mixup={alpha: 1, rising: true}"), 0)
    steps = [(epoch, batch) for epoch in range(2) for batch in range(500)]
    parts = torch.tensor([1 - whole.share(*step, 500) for step in steps])
    assert 0 <= float(parts.min()) < 0.01
    assert 0.49 < float(parts.max()) <= 0.5
    assert float(parts.mean()) == pytest.approx(0.25, abs=0.02)
    risen = torch.tensor([1 - rising.share(*step, 500) for step in steps])
    assert torch.allclose(risen, parts * torch.arange(1000) / 1000)
    assert Objective(recipe(), 0).share(1, 3, 500) == 1
    assert whole.share(0, 3, 500) == whole.share(0, 3, 500) != Objective(recipe("mixup={alpha: 1}"), 1).share(0, 3, 500)


@pytest.fixture(scope="module")
def images() -> Data:
    return load_data(rfcalc.loads(SPEC), "synthetic", 200, 0)


def test_a_teacher_sees_images_as_it_learned_to(teacher: Path, images: Data) -> None:
    """Whatever the student's normalization: the same scores as from the teacher's own."""
    found = trained_network(teacher, "last")
    pixels = torch.from_numpy(images.test.images)
    own = [torch.tensor(found.facts[key]).mul(255).view(1, 3, 1, 1) for key in ("mean", "std")]
    with torch.no_grad():
        wanted = found.network()(as_input(pixels, *own))
    student = Preprocessing(*normalization_tensors((0.1, 0.2, 0.3), (0.5, 0.4, 0.3), CPU), CPU, Precision())
    made = Teacher(Distillation(str(teacher), 0.5, 2.0, flipped=False), images, student)
    assert torch.allclose(made.scores(student.input(pixels)), wanted, atol=1e-4)
    with torch.no_grad():
        mirrored = found.network()(as_input(pixels.flip(2), *own))
    both = Teacher(Distillation(str(teacher), 0.5, 2.0, flipped=True), images, student)
    assert torch.allclose(both.scores(student.input(pixels)), (wanted + mirrored) / 2, atol=1e-4)
    assert float((wanted - mirrored).abs().max()) > 1e-2
    assert not any(p.requires_grad for p in made.net.parameters())


def test_the_loss_towards_a_teacher_is_a_divergence_of_softened_scores(teacher: Path, images: Data) -> None:
    student = Preprocessing(*normalization_tensors((0.1, 0.2, 0.3), (0.5, 0.4, 0.3), CPU), CPU, Precision())
    made = Teacher(Distillation(str(teacher), weight=0.25, temperature=4.0, flipped=False), images, student)
    inputs, labels = student.input(torch.from_numpy(images.test.images[:8])), torch.from_numpy(images.test.labels[:8])
    scores = build(rfcalc.loads(SPEC), seed=1).eval()(inputs).detach()
    wanted, softened = (made.scores(inputs).double() / 4).softmax(1), (scores.double() / 4).softmax(1)
    apart = (wanted * (wanted / softened).log()).sum(1).mean()
    plain = -(soft(labels) * scores.log_softmax(1)).sum(1).mean()
    found = Objective(recipe(), 0, made).loss(scores, labels, 1.0, inputs)
    assert float(found) == pytest.approx(0.75 * float(plain) + 0.25 * 16 * float(apart), rel=1e-4)


def test_a_run_with_all_of_it_goes_on_as_if_nothing_had_happened(spec: str, teacher: Path, tmp_path: Path) -> None:
    learning = ("mixup={alpha: 0.4, rising: true}", f"distillation={{teacher: {teacher}}}", "augmentation=[color]")
    run(spec, tmp_path / "whole", *learning)
    shutil.copytree(tmp_path / "whole", tmp_path / "half")
    shutil.copy(tmp_path / "half" / "previous.pt", tmp_path / "half" / "last.pt")  # the state after the first epoch
    (tmp_path / "half" / "previous.pt").unlink()
    run(spec, tmp_path / "half", resume=True)
    whole, half = (torch.load(tmp_path / name / "last.pt", weights_only=True) for name in ("whole", "half"))
    assert all(torch.equal(value, half["weights"][key]) for key, value in whole["weights"].items())
    plain = run(spec, tmp_path / "plain")
    assert plain.figures["test"]["loss"] != pytest.approx(
        run(spec, tmp_path / "again", *learning[:2]).figures["test"]["loss"], rel=1e-3
    )


def test_a_teacher_that_cannot_teach_is_refused(spec: str, teacher: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="no weights are shipped for vgg16"):
        run(spec, tmp_path / "a", "distillation={teacher: vgg16}")
    with pytest.raises(TrainError, match="was trained on other classes than those of synthetic: class 0 is airplane"):
        run(spec, tmp_path / "b", "distillation={teacher: ours_200k}")
    wide = tmp_path / "wide.yaml"
    wide.write_text(SPEC.replace("[3, 8, 8]", "[3, 9, 9]"))
    with pytest.raises(TrainError, match="takes images of 3x8x8, and these are of 3x9x9"):
        run(str(wide), tmp_path / "c", f"distillation={{teacher: {teacher}}}")
    assert not any((tmp_path / name).exists() for name in "abc")


def test_a_teacher_is_refused_before_the_precision_is_tested(
    spec: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(start, "settled_precision", lambda *about: pytest.fail("the precision was tested first"))
    with pytest.raises(TrainError, match="was trained on other classes"):
        run(spec, tmp_path / "a", "distillation={teacher: ours_200k}")
