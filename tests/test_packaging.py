"""What users get: the wheel in a new environment, the source distribution, and the types."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import skimbalance
from skimbalance import datasets

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
FROM_THE_WHEEL = Path(__file__).with_name("from_the_wheel.py")
# Environments, caches, builds, and what the site is made of on its way.
NOT_SOURCE = [".git", ".venv", ".nox", ".*_cache", "__pycache__", "*.egg-info", "build", "dist"]
NOT_SOURCE += ["htmlcov", ".coverage*", "docs/_build", "docs/gallery", "docs/questions"]
NOT_SOURCE += ["docs/api/generated", "docs/api/backreferences", "docs/sg_execution_times.rst"]


def run(*command, cwd):
    """Run a command without what this process has on its path; its output."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files_under(folder, root):
    return {path.relative_to(root).as_posix() for path in folder.rglob("*") if path.is_file()}


def not_source(folder, names):
    """What a fresh clone lacks of the names in a folder."""
    paths = [Path(folder, name) for name in names]
    return {path.name for path in paths if any(map(path.match, NOT_SOURCE))}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the sources, as a fresh clone has them."""
    copy = tmp_path_factory.mktemp("source") / "skimbalance"
    return shutil.copytree(ROOT, copy, ignore=not_source)


@pytest.fixture(scope="module")
def distributions(source, tmp_path_factory):
    """The source distribution, and the wheel that is built from it; without a network."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, source, cwd=folder)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def environment(distributions, tmp_path_factory):
    """A new environment that holds the wheel, and sees the dependencies of this one."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--quiet", "--python", python]
    run(*pip, "install", "--no-deps", "--no-index", distributions[1], cwd=folder)
    packages = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (site / "dependencies.pth").write_text("\n".join(packages))
    return python


def test_the_source_distribution_is_complete(source, distributions):
    with tarfile.open(distributions[0]) as archive:
        files = {name.partition("/")[2] for name in archive.getnames()}
    expected = {".ci/lower-bounds.txt", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile"}
    expected |= {"README.md", "CITATION.cff", "noxfile.py", "pyproject.toml"}
    for folder in ("skimbalance", "tests", "examples", "benchmarks", "docs"):
        expected |= files_under(source / folder, source)
    assert expected <= files


def test_the_wheel_is_complete_and_holds_nothing_else(source, distributions):
    with zipfile.ZipFile(distributions[1]) as archive:
        files = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert files == files_under(source / "skimbalance", source)
    assert {"skimbalance/py.typed", "skimbalance/datasets/data/yeast.csv.gz"} < files
    assert distributions[1].name.split("-")[:2] == ["skimbalance", skimbalance.__version__]


def test_the_citation_has_the_version():
    assert f"\nversion: {skimbalance.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def required(*extras):
    """What the package requires, with these extras and those that they name."""
    texts = [*project()["dependencies"]]
    extras = [*extras]
    for extra in extras:
        for text in project()["optional-dependencies"][extra]:
            more = Requirement(text)
            if more.name == "skimbalance":
                extras += more.extras
            else:
                texts.append(text)
    return [Requirement(text) for text in texts]


def test_the_lower_bounds_are_tested():
    """`make test-min` installs the oldest release that each bound admits, or a repair of it."""
    oldest = {
        need.name: SpecifierSet(f"=={bound.version}.*")
        for need in required("test")
        for bound in need.specifier
        if bound.operator == ">="
    }
    lines = (ROOT / ".ci" / "lower-bounds.txt").read_text().split()
    tested = dict(line.split("==") for line in lines)
    assert tested.keys() == oldest.keys()
    assert [name for name in tested if tested[name] not in oldest[name]] == []


def test_the_page_of_licences_has_all_that_users_install():
    """A row for each package that is required or in an extra for users, and for each data set."""
    page = (ROOT / "docs" / "project" / "licences.md").read_text()
    cells = re.findall(r"^\| ([a-z][^|]*) \| \S", page, re.M)
    users = set(project()["optional-dependencies"]) - {"test", "docs", "bench", "check"}
    names = {need.name for need in required(*users)} | {"data set", "package"}  # and the headings
    assert sorted(", ".join(cells).split(", ")) == sorted(names)
    of_data = {
        path.stem: re.findall(r"^Licence: (CC[^(]*) \(", path.read_text(), re.M)
        for path in (ROOT / "skimbalance" / "datasets" / "data").glob("*.md")
    }
    rows = re.findall(r"^\| `(\w+)` \|.*\| (\S.*) \|$", page, re.M)
    assert of_data == {name: [licence] for name, licence in rows}


def test_all_name_the_same_pythons():
    """The classifiers, what is tested, and `requires-python`, which admits nothing between."""
    is_admitted = SpecifierSet(project()["requires-python"]).contains
    admitted = {f"3.{minor}" for minor in range(100) if is_admitted(f"3.{minor}")}
    prefix = "Programming Language :: Python :: 3."
    named = [text for text in project()["classifiers"] if text.startswith(prefix)]
    assert {text.rpartition(" ")[2] for text in named} == admitted
    for path in (".github/workflows/tests.yml", "noxfile.py"):
        if (ROOT / path).exists():  # a source distribution has no workflows
            (listed,) = re.findall(r"python[=:] ?\[(.*?)\]", (ROOT / path).read_text())
            assert set(re.findall(r"3\.\d+", listed)) == admitted, path


def test_the_wheel_works(environment, tmp_path):
    said = json.loads(run(environment, "-P", "-W", "error", FROM_THE_WHEEL, cwd=tmp_path))
    assert Path(said["file"]).is_relative_to(environment.parents[1])
    assert said["rows"].keys() == set(datasets.__all__)
    assert all(n_rows == n_targets > 1000 for n_rows, n_targets in said["rows"].values())
    assert said["same"]


def test_the_command_of_the_wheel_works(environment, tmp_path):
    listed = run(environment.with_name("skimbalance"), "datasets", cwd=tmp_path)
    assert all(name.removeprefix("load_") in listed for name in datasets.__all__)


def test_the_source_distribution_passes_its_tests(distributions, tmp_path):
    """All are collected, with the modules that they share; those run that read files beside the
    package, as the others test the code, which is the same here.
    """
    with tarfile.open(distributions[0]) as archive:
        archive.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    some = "test_architecture or test_load or test_docs"
    quick = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow"]
    assert " passed" in run(*quick, "-k", some, cwd=folder)


# Not `load_model`, which returns an estimator of any class.
USER = """
import numpy as np
from skimbalance import (
    ImbalancedKerasClassifier, ImbalancedMLPClassifier, ImbalancedSequenceClassifier,
    PriorCorrectedClassifier, TunedDecisionClassifierCV, compare_strategies, compute_class_weight,
    correct_prior, metrics, prior,
)
from skimbalance.preprocessing import table_steps

X, y = np.zeros((4, 2)), np.array([0, 1, 0, 1])
reveal_type(compare_strategies(X, y))
reveal_type(compute_class_weight("balanced", [1, 2]))
reveal_type(correct_prior(X, [0.5, 0.5], [0.1, 0.9]))
reveal_type(prior.estimate_prior(X, [0.5, 0.5]))
reveal_type(metrics.average_precision_by_class(y, X))
reveal_type(metrics.calibration_error_by_class(y, X))
reveal_type(metrics.classification_summary(y, y))
reveal_type(metrics.score_intervals(y, y))
reveal_type(table_steps(X))

perceptron = ImbalancedMLPClassifier()
reveal_type(perceptron.fit(X, y))
reveal_type(perceptron.predict_proba(X))
reveal_type(ImbalancedKerasClassifier().fit(X, y))
reveal_type(ImbalancedKerasClassifier().predict_proba(X))
reveal_type(ImbalancedSequenceClassifier().fit([X], [y]))
reveal_type(ImbalancedSequenceClassifier().predict_proba([X]))
reveal_type(TunedDecisionClassifierCV(perceptron).fit(X, y))
reveal_type(PriorCorrectedClassifier(perceptron).fit(X, y))
reveal_type(PriorCorrectedClassifier(perceptron).predict_proba(X))
"""


def test_a_user_sees_the_types(environment, tmp_path):
    pytest.importorskip("mypy", reason="mypy is not installed: `make check` installs it")
    (tmp_path / "user.py").write_text(USER)
    mypy = [sys.executable, "-m", "mypy", "--strict", "--python-executable", environment]
    said = run(*mypy, "user.py", cwd=tmp_path)
    revealed = re.findall(r'Revealed type is "(.*)"', said)
    assert len(revealed) == USER.count("reveal_type")
    assert "Any" not in revealed
