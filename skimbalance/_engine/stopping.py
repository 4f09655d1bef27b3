"""When to stop: judging by held-out rows, divergence; and the progress that is shown."""

import numpy as np
from tqdm.auto import tqdm


class EarlyStopping:
    """Keeps the best weights; says stop after `patience` epochs without an improvement."""

    def __init__(self, patience, tol):
        self._patience, self._tol = patience, tol
        self._best, self._waited = -np.inf, 0
        self.epoch, self.weights = 0, None

    def update(self, epoch, value, weights):
        """Whether to stop; `value` is better when larger, an improvement larger by `tol`.

        Weights are asked for only if they are the best.
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
            "lower 'learning_rate', or scale the columns ('standardize=True')."
        )


def progress_bar(jobs):
    """A tqdm bar over the epochs of some jobs; silent unless one of them is verbose."""
    total = sum(job.epochs for job in jobs)
    quiet = not any(job.verbose for job in jobs)
    return tqdm(total=total, desc="Epochs", unit="epoch", disable=quiet)


def judge(job, logits, mean_loss, record):
    """Enter the held-out rows' loss and score into the record; the value to maximise."""
    record["val_loss"] = float(mean_loss)
    if job.score is None:
        return -record["val_loss"]
    value = float(job.score(job.validation.y, logits, job.score_weight))
    record[f"val_{job.monitor}"] = value
    return value
