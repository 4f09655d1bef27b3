"""When training stops: the score of held-out rows, divergence; and the progress bar."""

import numpy as np
from tqdm.auto import tqdm

# At most this many sequences, of similar length, are judged together.
SEQUENCES = 256


class EarlyStopping:
    """Keeps the best weights; says stop after `patience` epochs without an improvement."""

    def __init__(self, patience, tol):
        self._patience, self._tol = patience, tol
        self._best, self._waited = -np.inf, 0
        self.epoch, self.weights = 0, None

    def update(self, epoch, value, weights):
        """Whether to stop. Larger values are better, and improvements if larger by `tol`.

        ``weights()`` is called only if they are the best.
        """
        if value > self._best:
            self.epoch, self.weights = epoch, weights()
        if value > self._best + self._tol:
            self._waited = 0
        else:
            self._waited += 1
        self._best = max(self._best, value)
        return self._waited >= self._patience


def check_finite(value, epoch, what="training loss"):
    """Raise if training diverged."""
    if not np.all(np.isfinite(value)):
        raise ValueError(
            f"The {what} must stay finite. Got a value that is nan or infinite in epoch {epoch}: "
            "lower the learning rate, or scale the columns."
        )


class Interrupted(KeyboardInterrupt):
    """Training was interrupted; `result` is what had been trained."""

    def __init__(self, text, result=None):
        super().__init__(text)
        self.result = result


class Epochs(tqdm):
    """A progress bar that counts also while it is silent."""

    done = n_rows = 0
    shown = -np.inf

    def show_rows(self, n):
        """Enter rows that were trained on, as an epoch of a stream may take long; show the rate."""
        self.n_rows += n
        elapsed = self.format_dict["elapsed"]
        if not self.disable and elapsed > self.shown + 0.5:
            self.shown = elapsed
            rate = self.n_rows / elapsed
            self.set_postfix_str(f"{self.n_rows:,} rows, {rate:,.0f} rows/s")

    def update(self, n=1):
        """Enter epochs that are over."""
        self.done += n
        return super().update(n)

    @property
    def text(self):
        """How far it came, for somebody who interrupted the training."""
        return f"Interrupted after epoch {self.done} of {self.total}."


def progress_bar(jobs):
    """A bar over the epochs of some jobs; silent unless one of them is verbose."""
    total = sum(job.epochs for job in jobs)
    quiet = not any(job.verbose for job in jobs)
    return Epochs(total=total, desc="Epochs", unit="epoch", disable=quiet)


def judge(job, logits, mean_losses, record):
    """Enter the held-out rows' loss and score into the record; the value to maximise.

    `logits` and `mean_losses` have an entry for each block. In sequences the steps are judged.
    """
    record["val_loss"] = float(np.average(mean_losses, weights=[len(z) for z in logits]))
    held_out, weight = job.validation, job.score_weight
    if job.metrics is not None:
        values = job.metrics(held_out.y, logits[0])
        record.update({f"val_{name}": value for name, value in values.items()})
    if job.score is None:
        return value_of(job, record)
    if held_out.lengths is None:
        parts = held_out.y, logits[0], weight
    else:
        parts = _steps(held_out, logits, weight)
    record[f"val_{job.monitor}"] = float(job.score(*parts))
    return value_of(job, record)


def value_of(job, record):
    """The value to maximise, from the record of an epoch."""
    return -record["val_loss"] if job.score is None else record[f"val_{job.monitor}"]


def _steps(held_out, logits, weight):
    """Steps of a positive weight: their class indices, logits and weights."""
    parts = []
    for (rows, width), z in zip(held_out.blocks(SEQUENCES), logits, strict=True):
        step_weight = weight[rows, :width]
        counts = step_weight > 0
        parts.append((held_out.y[rows, :width][counts], z[counts], step_weight[counts]))
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))
