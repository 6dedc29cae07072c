"""What a training shows while it runs: a bar with speed and time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

EVERY = 16
"""Steps between two looks at the running loss and accuracy."""


class Display:
    """Says where a training is. Nothing but `quiet` keeps it from printing: only the leading process should."""

    def __init__(self, epochs: int, quiet: bool = False) -> None:
        self.epochs, self.steps, self.quiet = epochs, 1, quiet
        self.live = not quiet and sys.stdout.isatty()
        self.bar: Any = None
        self.running = ""
        self.last = 0.0
        """Seconds of the whole training at the epoch shown last; an earlier part of it may have had another pace."""

    def make_bar(self) -> Any:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"))
        bar = Progress(*columns, TimeRemainingColumn(), transient=True)
        self.task = bar.add_task("training", total=self.epochs * self.steps, told="")
        bar.start()
        return bar

    def batch(self, epoch: int, batch: int, speed: float, running: Callable[[], tuple[float, float]]) -> None:
        """`running` gives the epoch's loss and accuracy so far; asked now and then, since a GPU must wait."""
        if self.live:
            self.bar = self.bar or self.make_bar()
            if batch % EVERY == 1 or not self.running:
                loss, accuracy = running()
                self.running = f"loss {loss:.3f}, {accuracy:.1f} %"
            self.bar.update(
                self.task,
                completed=epoch * self.steps + batch,
                description=f"epoch {epoch + 1}/{self.epochs}",
                told=f"{self.running}  {speed:,.0f} images/s",
            )

    def say(self, text: str) -> None:
        if self.quiet:
            return
        if self.bar:
            self.bar.console.print(text, highlight=False, markup=False)
        else:
            print(text, flush=True)

    def epoch(self, row: Mapping[str, Any]) -> None:
        pace = row["seconds"] - self.last if self.last else row["seconds"] / row["epoch"]
        self.last = row["seconds"]
        left = (self.epochs - row["epoch"]) * pace
        parts = [f"epoch {row['epoch']}/{self.epochs}", f"lr {row['lr']:.4g}"]
        for part in ("train", "val", "test"):
            if f"{part}_accuracy" in row:
                parts.append(f"{part} loss {row[f'{part}_loss']:.3f}, {row[f'{part}_accuracy']:.2f} %")
        parts += [f"{row['images_per_second']:,.0f} images/s", f"{clock(left)} left"]
        self.say("  ".join(parts))

    def close(self) -> None:
        if self.bar:
            self.bar.stop()


def clock(seconds: float) -> str:
    """
    >>> clock(42), clock(605), clock(7260)
    ('42 s', '10 min', '2 h 1 min')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def epochs_text(count: int) -> str:
    """
    >>> epochs_text(1), epochs_text(50)
    ('1 epoch', '50 epochs')
    """
    return f"{count} epoch{'s' if count != 1 else ''}"


class Download:
    """Shows a download: one line that is rewritten on a terminal, a line for each tenth elsewhere."""

    def __init__(self) -> None:
        self.shown = -1

    def __call__(self, name: str, done: int, total: int | None) -> None:
        tenth = 10 * done // total if total else done >> 24
        live = sys.stderr.isatty()
        if not live and tenth == self.shown:
            return
        self.shown = tenth
        of = f" of {total / 1e6:,.1f} MB, {100 * done / total:.0f} %" if total else " MB"
        begin, end = ("\r", "" if done != total else "\n") if live else ("", "\n")
        sys.stderr.write(f"{begin}{name}: {done / 1e6:,.1f}{of}{end}")
