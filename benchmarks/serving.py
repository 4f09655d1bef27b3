"""A service that answers rows, and `skimbalance predict` on a large file; with peers.

Run: python benchmarks/serving.py [--size GIGABYTES OF THE CSV FILE]

The service is that of examples/service, in one process on the first core; the load comes from the
last one. The peers have the same service around them. Without Linux nothing is pinned, and peaks
of memory are left out.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from common import ARGUMENTS, SIZES, data, pick, print_machine, print_table, quiet
from sklearn.compose import make_column_transformer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

SERVICE = Path(__file__).parents[1] / "examples" / "service"

# Requests of one connection after the other's answer; connections at once, and requests of each.
N_ALONE, N_CONNECTIONS, N_EACH = pick((3_000, 16, 500), (5, 2, 3))

# The file for `skimbalance predict`.
N_NUMBERS, N_CATEGORIES, COLOURS = 26, 4, ["red", "green", "blue", "black"]
N_TRAINING, N_BLOCK, CHUNK = pick((20_000, 20_000, 10_000), (300, 300, 200))


# The servers, each a process of its own


def serve(kind, path, port):
    """Serve the model in a file, in this process."""
    sys.path.insert(0, str(SERVICE))
    import service
    import uvicorn

    class OfScikitLearn(service.Model):
        """MLPClassifier from a joblib file, in the place of a model file."""

        def __init__(self, path):
            self.model, names = joblib.load(path)
            self.info, self.names, self.is_multilabel = {}, None, False
            self.is_number, self.values = dict.fromkeys(names, True), self.model.classes_.tolist()

    class OfONNX(OfScikitLearn):
        """A session of ONNX Runtime with one thread."""

        def __init__(self, path):
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            content, names = joblib.load(path)
            session = onnxruntime.InferenceSession(content, options)
            self.session, self.is_number = session, dict.fromkeys(names, True)
            self.info, self.names, self.values = {}, None, [0, 1]

        def answers(self, rows):
            """Labels and probabilities, in the form of the service."""
            labels, probas = self.session.run(None, {"X": self.table(rows)})
            return [
                {"decision": label, "posterior": dict(zip("01", proba, strict=True))}
                for label, proba in zip(labels.tolist(), probas.tolist(), strict=True)
            ]

    kinds = {"skim": service.Model, "joblib": OfScikitLearn, "onnx": OfONNX}
    uvicorn.run(
        service.app_of(kinds[kind](path)), port=int(port), access_log=False, log_level="error"
    )


def pin(core):
    """Keep this process on a core, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[core]})


def start(*arguments, **options):
    """A process of this script on the first core."""
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        preexec_fn=lambda: pin(0),
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        **options,
    )


def peak_of(process):
    """Peak of the resident memory of a process in MiB, nan where the system does not tell it."""
    try:
        text = Path(f"/proc/{process.pid}/status").read_text()
        return int(text.split("VmHWM:")[1].split()[0]) / 1024
    except (OSError, IndexError):  # it has just ended
        return np.nan


# The load


async def ask(port, body, n, seconds):
    """Send a request n times over one connection, each after the answer to the one before."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    for _ in range(n):
        begin = time.perf_counter()
        writer.write(head.encode() + body)
        lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
        length = next(line for line in lines if line.startswith(b"content-length:"))
        answer = await reader.readexactly(int(length.split(b":")[1]))
        seconds.append(time.perf_counter() - begin)
        if b" 200 " not in lines[0]:
            raise SystemExit(f"The service failed: {answer.decode()}")
    writer.close()
    await writer.wait_closed()


async def load(port, body, n_connections, n):
    """Seconds of each request, and of all."""
    seconds, begin = [], time.perf_counter()
    await asyncio.gather(*(ask(port, body, n, seconds) for _ in range(n_connections)))
    return seconds, time.perf_counter() - begin


def measured(kind, path, row):
    """Requests a second, median and 99th percentile of ms, MiB, seconds to the first answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    body, begin = json.dumps(row).encode(), time.perf_counter()
    server = start(__file__, "serve", kind, path, port)
    try:
        while True:
            try:
                asyncio.run(load(port, body, 1, 1))
                break
            except ConnectionError:
                if server.poll() is not None:
                    raise SystemExit("The server did not start.") from None
                time.sleep(0.02)
        first = time.perf_counter() - begin
        asyncio.run(load(port, body, 1, N_ALONE // 10))
        alone, _ = asyncio.run(load(port, body, 1, N_ALONE))
        many, total = asyncio.run(load(port, body, N_CONNECTIONS, N_EACH))
        middle, late = np.percentile(alone, [50, 99]) * 1e3
        rate = len(many) / total
        return (
            f"{rate:,.0f}",
            f"{middle:.2f}",
            f"{late:.2f}",
            f"{peak_of(server):,.0f}",
            (f"{first:.1f}"),
        )
    finally:
        server.terminate()
        server.wait()


def files(folder):
    """The models to serve: name, kind, file and a row."""
    from skimbalance import ImbalancedEnsembleClassifier, ImbalancedMLPClassifier
    from skimbalance.datasets import load_credit_risk_grade
    from skimbalance.persistence import save_model, to_onnx

    X, y = data("W0")
    names = [f"x{j}" for j in range(X.shape[1])]
    row, layers = dict(zip(names, X[0].tolist(), strict=True)), SIZES["W0"][3]
    network = ImbalancedMLPClassifier(layers, epochs=2, random_state=0).fit(X, y)
    save_model(network, folder / "numbers", columns=dict.fromkeys(names, "number"))
    yield "skimbalance, 20 numbers", "skim", folder / "numbers", row
    if pick(False, True):
        return
    joblib.dump((MLPClassifier(layers, max_iter=2).fit(X, y), names), folder / "mlp")
    yield "MLPClassifier, 20 numbers", "joblib", folder / "mlp", row
    try:
        import onnxruntime  # noqa: F401

        to_onnx(network, folder / "onnx")
    except ImportError as error:
        print(f"Left out, as something is not installed: ONNX Runtime ({error}).\n")
    else:
        joblib.dump(((folder / "onnx").read_bytes(), names), folder / "session")
        yield "ONNX Runtime, 20 numbers", "onnx", folder / "session", row
    X, y = load_credit_risk_grade(return_X_y=True, as_frame=True)
    kinds = {name: "number" if X[name].dtype.kind in "if" else "text" for name in X}
    row = {name: cell if pd.notna(cell) else None for name, cell in X.iloc[0].to_dict().items()}
    network = ImbalancedMLPClassifier(layers, epochs=2, random_state=0).fit(X, y)
    save_model(network, folder / "table", columns=kinds)
    yield "skimbalance, table with categories", "skim", folder / "table", row
    for trees in (False, True):
        ensemble = ImbalancedEnsembleClassifier(trees=trees, random_state=0).fit(X[:4000], y[:4000])
        save_model(ensemble, folder / f"ensemble_{trees}", columns=kinds)
        name = f"skimbalance, ensemble {'with' if trees else 'without'} trees"
        yield name, "skim", folder / f"ensemble_{trees}", row


# The large file


def block(n, seed=0):
    """Rows of numbers and categories, and their classes."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, N_NUMBERS)).round(6)).add_prefix("x")
    for j in range(N_CATEGORIES):
        X[f"c{j}"] = rng.choice(COLOURS, n)
    return X, np.where(X.x0 + X.x1 + (X.c0 == "red") > 2.5, "rare", "common")


def write_csv(path, n_bytes):
    """Write rows until the file is so large; returns their number."""
    X, _ = block(N_BLOCK)
    rows = X.to_csv(index=False, header=False).encode()
    times = max(1, int(n_bytes / len(rows)))
    with open(path, "wb") as file:
        file.write(",".join(X).encode() + b"\n")
        for _ in range(times):
            file.write(rows)
    return times * len(X)


def chunks(model, table, out):
    """Predict by chunks of pandas: what the peer does."""
    clf = joblib.load(model)
    for number, chunk in enumerate(pd.read_csv(table, chunksize=CHUNK)):
        chunk["prediction"] = clf.predict(chunk)
        probabilities = [f"probability_{label}" for label in clf.classes_]
        chunk[probabilities] = clf.predict_proba(chunk[clf.feature_names_in_])
        chunk.to_csv(out, mode="a" if number else "w", header=not number, index=False)


def run(*arguments):
    """Seconds and peak MiB of a process on one core."""
    begin, peak = time.perf_counter(), 0.0
    process = start(*arguments, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        peak = np.fmax(peak, peak_of(process))
        time.sleep(0.05)
    if process.returncode:
        raise SystemExit("The prediction failed.")
    return time.perf_counter() - begin, peak


def predicted(folder, gigabytes):
    """Rows of the table on predictions of a large file."""
    from skimbalance import ImbalancedEnsembleClassifier, ImbalancedMLPClassifier
    from skimbalance.persistence import save_model

    table, out = folder / "large.csv", folder / "out.csv"
    n_rows = write_csv(table, gigabytes * 1e9)
    X, y = block(N_TRAINING, seed=1)
    kinds = {name: "text" if name.startswith("c") else "number" for name in X}
    ours = {"network": ImbalancedMLPClassifier(epochs=2, random_state=0)}
    if pick(True, False):
        ours["ensemble"] = ImbalancedEnsembleClassifier(trees=False, random_state=0)
    commands = {}
    for name, clf in ours.items():
        save_model(clf.fit(X, y), folder / name, columns=kinds, target="target")
        commands[f"skimbalance predict, {name}"] = (
            "-m", "skimbalance", "predict", folder / name, table, "--out", out,
        )  # fmt: skip
    if pick(True, False):
        numbers = list(X)[:N_NUMBERS]
        clean = make_column_transformer((StandardScaler(), numbers), remainder=OneHotEncoder())
        peer = make_pipeline(clean, MLPClassifier((64, 32), max_iter=2)).fit(X, y)
        joblib.dump(peer, folder / "peer")
        commands["chunks of pandas, MLPClassifier"] = (
            __file__, "chunks", folder / "peer", table, out,
        )  # fmt: skip
    for name, command in commands.items():
        seconds, peak = run(*command)
        yield name, f"{n_rows:,}", f"{peak:,.0f}", f"{n_rows / seconds:,.0f}"


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=float, default=pick(2.0, 1e-4), help="GB of the CSV file")
    gigabytes = parser.parse_args(ARGUMENTS).size
    quiet()
    print_machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models = list(files(folder))
        cores = getattr(os, "sched_getaffinity", lambda _: None)(0)
        if cores:
            pin(-1)
        print(
            "One row as JSON, one server process on one core; latency of one connection, rate of "
            f"{N_CONNECTIONS} at once.\n"
        )
        header = ["", "requests a second", "p50, ms", "p99, ms", "peak MiB", "s to first answer"]
        print_table(header, [[name, *measured(*of)] for name, *of in models])
        if cores:
            os.sched_setaffinity(0, cores)
        print(f"\nPredictions for a CSV file of {gigabytes:g} GB with 30 columns, one core.\n")
        print_table(["", "rows", "peak MiB", "rows a second"], list(predicted(folder, gigabytes)))


if __name__ == "__main__":
    if ARGUMENTS[:1] == ["serve"]:
        serve(*ARGUMENTS[1:])
    elif ARGUMENTS[:1] == ["chunks"]:
        chunks(*ARGUMENTS[1:])
    else:
        main()
