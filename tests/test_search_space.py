"""Search spaces: what is drawn is accepted, and the defaults lie within."""

import keras
import numpy as np
import optuna
import pytest
from optuna.trial import FixedTrial
from optuna_integration import KerasPruningCallback
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ParameterSampler, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skimbalance import (
    ImbalancedEnsembleClassifier,
    ImbalancedKerasClassifier,
    ImbalancedMLPClassifier,
    ImbalancedSequenceClassifier,
    TunedDecisionClassifierCV,
    search_space,
)
from skimbalance._losses.records import SIGMOID, SOFTMAX
from skimbalance.classifier import RECIPE

MLP = ImbalancedMLPClassifier()
ESTIMATORS = {
    "mlp": MLP,
    "adamw": ImbalancedMLPClassifier(optimizer="adamw"),
    "recipe": ImbalancedMLPClassifier(**RECIPE),
    "keras": ImbalancedKerasClassifier(lambda: None),
    "tagger": ImbalancedSequenceClassifier(),
    **{loss: ImbalancedMLPClassifier(loss=loss) for loss in {**SOFTMAX, **SIGMOID}},
    "pipeline": make_pipeline(StandardScaler(), MLP),
    "tuner in a pipeline": make_pipeline(StandardScaler(), TunedDecisionClassifierCV(MLP)),
    "ensemble": ImbalancedEnsembleClassifier(ImbalancedMLPClassifier(**RECIPE)),
}
estimators = pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)


def networks(estimator):
    """The networks in an estimator."""
    parts = [estimator, *estimator.get_params().values()]
    return [part for part in parts if hasattr(part, "_check_params")]


def seeded_trials(n_trials):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return [study.ask() for _ in range(n_trials)]


@estimators
def test_what_scikit_learn_draws_is_accepted(estimator):
    space = search_space(estimator)
    assert set(space) <= set(estimator.get_params())
    for params in ParameterSampler(space, 20, random_state=0):
        (network,) = networks(clone(estimator).set_params(**params))
        network._check_params()


@estimators
def test_what_optuna_draws_is_accepted(estimator):
    suggested = search_space(estimator, library="optuna")
    for trial in seeded_trials(20):
        params = suggested(trial)
        assert set(params) == set(search_space(estimator))
        (network,) = networks(clone(estimator).set_params(**params))
        network._check_params()


@estimators
def test_both_libraries_draw_from_the_same_ranges(estimator):
    space, suggested = search_space(estimator), search_space(estimator, library="optuna")
    trials = seeded_trials(30)
    drawn = list(map(suggested, trials))
    for name, values in space.items():
        values_of_trials = [params[name] for params in drawn]
        if isinstance(values, list):
            assert all(value in values for value in values_of_trials)
            continue
        low, high = values.support()
        distribution = trials[0].distributions[name]
        assert (distribution.low, distribution.high) == pytest.approx((low, high))
        median = np.median(values_of_trials)
        assert values.ppf(0.1) < median < values.ppf(0.9), "the same scale"


@estimators
def test_equal_seeds_draw_equal_parameters(estimator):
    space, suggested = search_space(estimator), search_space(estimator, library="optuna")
    first, again = (list(ParameterSampler(space, 5, random_state=0)) for _ in range(2))
    assert first == again
    assert list(map(suggested, seeded_trials(5))) == list(map(suggested, seeded_trials(5)))


@pytest.mark.parametrize("name", ["mlp", "adamw", "recipe", "tagger", "focal", "logit_adjusted"])
def test_the_defaults_lie_within(name):
    estimator = ESTIMATORS[name]
    # What the parameters that are set by words stand for.
    words = {"class_weight": {"auto": 1.0, None: 0.0}, "weight_decay": {None: 0.004}}
    for parameter, values in search_space(estimator).items():
        default = getattr(estimator, parameter)
        default = words.get(parameter, {}).get(default, default)
        if isinstance(values, list):
            assert default in values
        else:
            low, high = values.support()
            assert low <= default <= high


def test_names_have_the_prefix_of_the_network():
    alone = search_space(MLP)
    within = search_space(ESTIMATORS["tuner in a pipeline"])
    prefix = "tuneddecisionclassifiercv__estimator__"
    assert list(within) == [f"{prefix}{name}" for name in alone]


def test_the_best_trial_gives_its_parameters_again():
    """Shapes are tuples, and text in the storage, which has no tuples."""
    suggested = search_space(MLP, library="optuna")
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda trial: suggested(trial)["dropout"], n_trials=3)
    again = suggested(study.best_trial)
    assert again["hidden_layer_sizes"] in search_space(MLP)["hidden_layer_sizes"]
    assert suggested(FixedTrial(study.best_params)) == again


def test_parameters_without_effect_are_left_out():
    assert "class_weight" not in search_space(ImbalancedMLPClassifier(loss="logit_adjusted"))
    own_rate = ImbalancedMLPClassifier(optimizer=keras.optimizers.Adam(1e-3))
    assert "learning_rate" not in search_space(own_rate)
    scheduled = ImbalancedMLPClassifier(learning_rate_schedule=lambda step: 1e-3)
    assert "learning_rate" not in search_space(scheduled)
    assert "class_weight" not in search_space(ImbalancedMLPClassifier(loss="focal", alpha=0.5))


@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), ImbalancedEnsembleClassifier(), ImbalancedMLPClassifier, None, "mlp"],
)
def test_an_estimator_without_a_network_is_refused(estimator):
    with pytest.raises(ValueError, match="'estimator' parameter of search_space must be an Imb"):
        search_space(estimator)


@pytest.mark.parametrize("library", ["hyperopt", None, ["sklearn"]])
def test_another_library_is_refused(library):
    with pytest.raises(ValueError, match=r"must be 'sklearn' or 'optuna'\. Got "):
        search_space(MLP, library)


@pytest.mark.slow
def test_a_search_and_a_study_that_prunes_run():
    """Each trial ends in the epoch in which the pruner is asked."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [60, 20])
    X = rng.normal(size=(len(y), 2)) + 2.0 * y[:, np.newaxis]
    clf = ImbalancedMLPClassifier((8,), epochs=3, early_stopping=True, random_state=0)
    space = search_space(clf)
    del space["hidden_layer_sizes"], space["dropout"]
    search = RandomizedSearchCV(clf, space, n_iter=2, cv=2, random_state=0, scoring="roc_auc")
    assert set(search.fit(X, y).best_params_) == set(space)

    suggested = search_space(clf, library="optuna")

    def objective(trial):
        params = {**suggested(trial), "hidden_layer_sizes": 8, "dropout": 0.0}
        params["callbacks"] = KerasPruningCallback(trial, "val_loss")
        return min(clone(clf).set_params(**params).fit(X, y).history_["val_loss"])

    # No loss is below the bound, and the pruner is asked from the second epoch on.
    pruner = optuna.pruners.ThresholdPruner(upper=1e-9, n_warmup_steps=1)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), pruner=pruner)
    study.optimize(objective, n_trials=2)
    pruned = optuna.trial.TrialState.PRUNED
    assert [trial.state for trial in study.trials] == [pruned] * 2
    assert [trial.last_step for trial in study.trials] == [1, 1]
