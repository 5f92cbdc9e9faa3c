"""What a run leaves to read: log.jsonl, log.csv, validation.jsonl, curves.png.

log.jsonl holds what the weights decide, so an interrupted run's equals an uninterrupted one's;
times go to log.csv.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from lcirc_cli.files import atomic_path, atomic_write


class RunLog:
    """Appends a row a step; `rewind` drops the rows that a resumed run will write again."""

    def __init__(self, folder: Path, *, log_to: str = "none") -> None:
        self._folder = folder
        self._rows, self._times = folder / "log.jsonl", folder / "log.csv"
        self._validations = folder / "validation.jsonl"
        self._tracker = _tracker(folder, log_to)

    def rewind(self, step: int) -> None:
        """Keep the rows up to and with `step`."""
        for path in (self._rows, self._validations):
            rows = [row for row in _read(path) if row["step"] <= step]
            text = "".join(json.dumps(row) + "\n" for row in rows)
            atomic_write(path, text.encode())
        if self._times.exists():
            kept = _times_until(self._times.read_bytes().decode(), step)
            atomic_write(self._times, kept.encode())

    def step(self, row: dict[str, Any], *, times: dict[str, float]) -> None:
        """Log one optimiser step."""
        with self._rows.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        fresh = not self._times.exists() or not self._times.stat().st_size
        flat = {key: value for key, value in row.items() if not isinstance(value, dict)} | times
        with self._times.open("a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(flat))
            if fresh:
                writer.writeheader()
            writer.writerow(flat)
        if self._tracker is not None:
            self._tracker(flat, int(row["step"]))

    def validation(self, row: dict[str, Any]) -> None:
        """Log one validation and draw the curves anew."""
        with self._validations.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        if self._tracker is not None:
            flat = {
                f"{name}/{key}": value
                for name, scores in row["sets"].items()
                for key, value in scores.items()
            }
            self._tracker(flat, int(row["step"]))
        self.draw()

    def draw(self) -> None:
        """curves.png: the training loss, and validation with its controls."""
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        rows, validations = _read(self._rows), _read(self._validations)
        figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4), constrained_layout=True)
        left.plot([r["step"] for r in rows], [r["loss"] for r in rows], lw=0.6, label="answer loss")
        if any(r.get("evidence_loss") is not None for r in rows):
            left.plot(
                [r["step"] for r in rows],
                [r.get("evidence_loss") for r in rows],
                lw=0.6,
                label="evidence loss",
            )
        left.set(xlabel="step", ylabel="nats", title="training")
        for name in sorted({name for row in validations for name in row["sets"]}):
            for key in ("loss_true", "loss_shuffled", "loss_none"):
                points = [
                    (row["step"], row["sets"][name][key])
                    for row in validations
                    if key in row["sets"].get(name, {})
                ]
                if points:
                    right.plot(*zip(*points, strict=True), marker=".", label=f"{name} {key}")
        right.set(xlabel="step", ylabel="nats a token", title="validation: answer loss")
        for axes in (left, right):
            if axes.has_data():
                axes.legend(fontsize=7)
        with atomic_path(self._folder / "curves.png") as path:
            figure.savefig(path, dpi=110, format="png")
        pyplot.close(figure)


def _read(path: Path) -> list[dict[str, Any]]:
    """Rows of a JSONL file; a last line that a kill cut short is left out."""
    rows = []
    if path.exists():
        for line in path.read_text("utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                break
    return rows


def _times_until(text: str, step: int) -> str:
    """The header and the rows up to `step` of log.csv; a last row that was cut short goes too."""
    header, *rows = text.splitlines(keepends=True) or [""]
    names = header.strip().split(",")
    kept = []
    for row in rows if "step" in names else ():
        values = row.strip().split(",")
        if row.endswith("\n") and len(values) == len(names):
            number = values[names.index("step")]
            kept += [row] if number.isdecimal() and int(number) <= step else []
    return header + "".join(kept) if kept else ""


def _tracker(folder: Path, log_to: str) -> Any:
    """A function (values, step) that sends numbers to a tracker, or None."""
    if log_to == "none":
        return None
    from lcirc_cli.errors import UsageError

    try:
        if log_to == "tensorboard":
            from torch.utils.tensorboard import SummaryWriter

            writer = SummaryWriter(str(folder / "tensorboard"))

            def send(values: dict[str, Any], step: int) -> None:
                for name, value in values.items():
                    if isinstance(value, int | float):
                        writer.add_scalar(name, value, step)

            return send
        import trackio

        trackio.init(project=folder.name)
        return lambda values, step: trackio.log(values, step=step)
    except ImportError as error:
        raise UsageError(f"--log-to {log_to} needs pip install 'lcirc[track]'") from error
