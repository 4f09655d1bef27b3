"""A service around a model file: rows come as JSON, decisions and posteriors go as JSON.

Run it by ``MODEL=model.skim uvicorn --factory service:create_app``; README.md says more.
"""

import json
import math
import os
from contextlib import suppress
from reprlib import repr as short
from typing import Any

import numpy as np
import pandas as pd
from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from skimbalance.persistence import load_model, model_info

MOST_ROWS, MOST_BYTES = 1_000, 4_000_000


def create_app(path: str | None = None) -> FastAPI:
    """The service for a model file, by default the one that the environment variable MODEL names.

    The file is read here, and not when the server starts: a server that loads the service before
    it forks reads the file once for all processes.
    """
    path = path or os.environ.get("MODEL")
    if path is None:
        raise ValueError("The environment variable MODEL must name a model file. Got none.")
    return app_of(Model(path))


def app_of(model: "Model") -> FastAPI:
    """The routes around a model."""
    app = FastAPI(title="skimbalance")

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/model")
    async def about() -> dict[str, Any]:
        return {**model.info, "classes": model.values, "most_rows": MOST_ROWS}

    @app.post("/predict")
    async def predict(request: Request) -> JSONResponse:
        try:
            rows = read(await body(request))
            if isinstance(rows, dict):  # takes no longer than a thread takes to begin
                return JSONResponse(model.answers([rows])[0])
            return JSONResponse(await run_in_threadpool(model.answers, rows))
        except ValueError as error:
            raise HTTPException(422, str(error)) from error

    return app


async def body(request: Request) -> bytes:
    """The body of a request, unless it is too long."""
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MOST_BYTES:
            raise HTTPException(413, f"The body must have {MOST_BYTES} bytes at most. Got more.")
    return content


def read(content: bytes) -> Any:
    """The row, or the list of rows, in the body of a request."""
    try:
        rows = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"The body must be JSON. Got something else: {error}.") from error
    if isinstance(rows, dict) or (isinstance(rows, list) and 0 < len(rows) <= MOST_ROWS):
        return rows
    got = f"{len(rows)} rows" if isinstance(rows, list) else short(rows)
    raise ValueError(f"The body must be a row or a list of 1 to {MOST_ROWS} rows. Got {got}.")


class Model:
    """A model from a file, and what its columns hold."""

    def __init__(self, path: str):
        self.info, self.model = model_info(path), load_model(path)
        columns, target = self.info["columns"], self.info["target"]
        if not columns or None in columns.values():
            raise ValueError(
                f"The file '{path}' must say which columns hold numbers and which text: give "
                "save_model the parameter 'columns'."
            )
        self.is_number = {name: kind != "text" for name, kind in columns.items()}
        self.names = pd.Index(columns) if hasattr(self.model, "feature_names_in_") else None
        self.is_multilabel = isinstance(target, list)
        self.values = target if self.is_multilabel else self.model.classes_.tolist()
        with suppress(ValueError):  # the first prediction imports what it needs
            self.answers([{name: 0 if number else "" for name, number in self.is_number.items()}])

    def answers(self, rows: list[Any]) -> list[dict[str, Any]]:
        """The decision about each row, and the posterior of each class or label."""
        X, model = self.table(rows), self.model
        while hasattr(model, "steps"):  # a pipeline, whose steps need not run twice
            for _, step in model.steps[:-1]:
                X = step.transform(X) if hasattr(step, "transform") else X  # no sampler has it
            model = model.steps[-1][1]
        decisions = model.predict(X).tolist()
        try:
            posteriors = model.predict_posterior(X).tolist()
        except (AttributeError, ValueError):  # of another library, or a loss without closed form
            posteriors = model.predict_proba(X).tolist()
        if self.is_multilabel:
            decisions = [dict(zip(self.values, of_row, strict=True)) for of_row in decisions]
        names = list(map(str, self.values))
        return [
            {"decision": decision, "posterior": dict(zip(names, posterior, strict=True))}
            for decision, posterior in zip(decisions, posteriors, strict=True)
        ]

    def table(self, rows: list[Any]) -> Any:
        """Checked rows, as the model was trained on them: with names, or without."""
        cells = [self.cells(row, place) for place, row in enumerate(rows)]
        if self.names is not None:
            return pd.DataFrame(np.array(cells, object), columns=self.names, dtype=object)
        return np.array(cells, float if all(self.is_number.values()) else object)

    def cells(self, row: Any, place: int) -> list[Any]:
        """The cells of a row in the order of the columns."""
        if not isinstance(row, dict):
            raise ValueError(
                f"A row must be an object with a value for each column. Got {short(row)} in row "
                f"{place}."
            )
        cells = []
        for name, is_number in self.is_number.items():
            if name not in row:
                raise ValueError(
                    f"The column {name!r} must be in each row, with null where it is missing. Got "
                    f"none in row {place}."
                )
            value = row[name]
            if value is None:
                cells.append(math.nan if is_number else None)
            elif not (is_finite(value) if is_number else isinstance(value, str)):
                kind = "a finite number" if is_number else "text"
                raise ValueError(
                    f"The column {name!r} must hold {kind} or null. Got {short(value)} in row "
                    f"{place}."
                )
            else:
                cells.append(float(value) if is_number else value)
        if len(row) > len(cells):
            name = next(name for name in row if name not in self.is_number)
            raise ValueError(
                f"The column {name!r} must be left out, as the model has none of that name. Got "
                f"{short(row[name])} in row {place}."
            )
        return cells


def is_finite(value: Any) -> bool:
    """Whether a value is a number that a float can hold; true and false are 1 and 0."""
    try:
        return isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:
        return False
