"""What contributors and the workflows run: `pip install nox`, then `nox --session tests`.

A session sets up an environment of its own. On Linux and macOS, `make` runs the same sessions in
`.venv`, which it has set up.
"""

import os
from pathlib import Path
from shutil import rmtree

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"

CHECKED = ["skimbalance", "tests", "examples", "benchmarks", "docs"]

# What a user types first.
COMMANDS = [
    "datasets",
    "train yeast --strategy plain --out model.skim",
    "predict model.skim yeast --out scored.csv",
]


def prepare(session, *requirements):
    """Install what a session needs, unless it runs in an environment that is ready."""
    if session.virtualenv.venv_backend != "none":
        session.install(*requirements)


def run(session, *command, **defaults):
    """Run a command, with these environment variables unless they are set already."""
    defaults["TF_CPP_MIN_LOG_LEVEL"] = "3"  # no log of TensorFlow
    session.run(*command, env={name: defaults[name] for name in defaults.keys() - os.environ})


def run_tests(session, *arguments):
    """Run tests.

    They wait for threads and processes now and then: three at a time keep two cores busy. With
    their small matrices threads of BLAS would only wait for each other, and those of OpenMP, as in
    scikit-learn's trees, keep a core busy while they wait, unless they are told to be passive.
    """
    pytest = ["python", "-m", "pytest", "-n", "3", "--dist", "worksteal"]
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
    run(session, *pytest, *arguments, *session.posargs, **threads)


@nox.session(default=False)
def tests(session):
    """All tests; `nox -s tests -- tests/metrics` runs some."""
    prepare(session, "--editable", ".[test]")
    run_tests(session)


@nox.session
def quick(session):
    """The tests that train no network and start no process."""
    prepare(session, "--editable", ".[test]")
    run_tests(session, "-m", "not slow")


@nox.session(name="min", default=False)
def oldest(session):
    """The tests on the oldest releases that pyproject.toml admits."""
    prepare(session, "--constraint", ".ci/lower-bounds.txt", "--editable", ".[test]")
    run_tests(session)


@nox.session(name="pre", default=False)
def newest(session):
    """The tests on the newest releases of what the package needs, pre-releases among them."""
    prepare(session, "--upgrade", "--pre", "--editable", ".[test]")
    run_tests(session)


@nox.session(default=False)
def coverage(session):
    """All tests, and which lines and branches of the package they run."""
    prepare(session, "--editable", ".[test,check]")
    run_tests(session, "--cov", "--cov-report", "term", "--cov-report", "html")


@nox.session
def check(session):
    """Lint, format, spelling, types."""
    prepare(session, "--editable", ".[test,check]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("codespell", *CHECKED, *map(str, Path().glob("*.md")))
    session.run("mypy")


@nox.session(default=False)
def docs(session):
    """The site, in docs/_build/html: runs the code of its pages, and the scripts of its gallery."""
    prepare(session, "--editable", ".[docs]")
    run(session, "python", "-m", "pytest", "-n", "2", "docs")
    build = ["sphinx-build", "--fail-on-warning", "--keep-going", "-q"]
    run(session, *build, "docs", "docs/_build/html")


@nox.session(default=False)
def build(session):
    """The source distribution and the wheel, in dist/."""
    session.install("build", "twine")
    rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build")
    session.run("twine", "check", "--strict", *map(str, Path("dist").iterdir()))


@nox.session(python=["3.11", "3.12", "3.13"], requires=["build"], reuse_venv=False, default=False)
def wheel(session):
    """The wheel of `build` in an empty environment, on each Python that is installed."""
    (built,) = Path("dist").resolve().glob("*.whl")
    script = Path("tests/from_the_wheel.py").resolve()
    session.install(str(built))
    session.cd(session.create_tmp())  # out of the folder that holds the sources
    run(session, "python", "-P", str(script))
    for line in COMMANDS:
        run(session, "skimbalance", *line.split())


@nox.session(reuse_venv=False, default=False)
def audit(session):
    """Known vulnerabilities and licences of what the package requires; needs the network."""
    session.install(".[dask,parquet,onnx,mlflow,serving]", "pip-audit", "pip-licenses")
    session.run("pip-audit")
    forbidden = ["--partial-match", "--fail-on", "GPL;General Public"]
    session.run("pip-licenses", "--from=mixed", "--format=markdown", *forbidden)
