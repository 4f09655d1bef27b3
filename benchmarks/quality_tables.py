"""Tables of the benchmark of predictive quality, as Markdown.

Scores are a DataFrame with a row for each set, model and rule of decision, and the columns that
`quality_scores` names.
"""

import dataclasses

import numpy as np
from common import print_table
from quality_models import ABLATIONS, OURS
from scipy.stats import wilcoxon

from skimbalance.compare._conclusions import holm

# Models with fewer of the sets than this part are left out of means and ranks.
COVERAGE = 0.8
# Fewer sets that differ give no p-value.
MIN_PAIRS = 6
FAR_BEHIND = 0.03


@dataclasses.dataclass(frozen=True)
class Metric:
    """A column of scores under a rule of decision, any rule for scores of probabilities."""

    column: str
    rule: str = "argmax"
    sign: int = 1
    digits: int = 4


METRICS = {
    "AP": Metric("ap"),
    "AUC": Metric("auc"),
    "log-loss": Metric("log_loss", sign=-1),
    "macro-F1, argmax": Metric("macro_f1"),
    "macro-F1, cross-fitted": Metric("macro_f1", "crossfit"),
    "macro-F1, own": Metric("macro_f1", "own"),
    "balanced accuracy, p / prior": Metric("balanced_accuracy", "balanced"),
    "MCC, cross-fitted": Metric("mcc", "crossfit"),
    "G-mean, p / prior": Metric("gmean", "balanced"),
    "rarest recall, p / prior": Metric("rare_recall", "balanced"),
    "CPU seconds": Metric("seconds", sign=-1, digits=2),
}
TESTED = [name for name in METRICS if not name.startswith(("MCC", "G-mean", "rarest", "CPU"))]
PER_SET = ["AP", "log-loss", "macro-F1, cross-fitted"]


def values_of(scores, name):
    """Values of a metric, with a row for each set and a column for each model."""
    metric = METRICS[name]
    rows = scores[scores.rule == metric.rule]
    return rows.pivot_table(index="set", columns="model", values=metric.column)


def print_tables(scores, versus):
    """Print all tables; the chosen model is the one that others are compared with."""
    ap = values_of(scores, "AP")
    sets = ap[versus].dropna().index
    values = {
        name: values_of(scores, name).reindex(index=sets, columns=ap.columns) for name in METRICS
    }
    # Own decisions meet the cross-fitted ones of models that have none.
    own, fitted = values["macro-F1, own"], values["macro-F1, cross-fitted"]
    paired = {**values, "macro-F1, own": own.fillna(fitted) if own[versus].notna().any() else own}
    print_means(values)
    print_pairs(paired, versus)
    print_sets(values, versus)


def print_means(values):
    """Print the means and the mean ranks over the sets that all models of the table have."""
    n_sets = values["AP"].notna().sum()
    models = n_sets.index[n_sets >= COVERAGE * len(values["AP"])]
    common = values["AP"][models].dropna().index
    few = [f"{model} ({n})" for model, n in n_sets.items() if model not in models]
    left_out = f" Left out, as they have fewer sets: {', '.join(few)}." if few else ""
    print(f"\nMeans over {len(common)} sets: {', '.join(common)}.{left_out}\n")
    tables = {
        name: table.loc[common, models].dropna(axis=1, how="all") for name, table in values.items()
    }
    tables = {name: table for name, table in tables.items() if table.size}
    order = tables["AP"].mean().sort_values(ascending=False).index
    print_models(
        order, {name: (table.mean(), METRICS[name].digits) for name, table in tables.items()}
    )
    ranks = {
        name: ((-METRICS[name].sign * table).rank(axis=1).mean(), 2)
        for name, table in tables.items()
        if len(table.columns) == len(models)
    }
    print("\nMean ranks over the same sets; 1 is the best.\n")
    print_models(order, ranks)


def print_models(order, columns):
    """Print a table with a row for each model; columns has a Series and its digits by name."""
    rows = [
        [
            model,
            *("" if model not in s else f"{s[model]:.{digits}f}" for s, digits in columns.values()),
        ]
        for model in order
    ]
    print_table(["", *columns], rows)


def compared(table, metric, model, versus):
    """Lead of the chosen model, sets won, level and lost, and the p-value, which may be NaN."""
    lead = (metric.sign * (table[versus] - table[model])).dropna()
    won, lost = int((lead > 1e-9).sum()), int((lead < -1e-9).sum())
    p = wilcoxon(lead).pvalue if won + lost >= MIN_PAIRS else np.nan
    return lead.mean(), f"{won}-{len(lead) - won - lost}-{lost}", p


def pair_text(lead, record, p, adjusted):
    """What `compared` found, as the text of a cell."""
    if np.isnan(p):
        return f"{lead:+.4f}, {record}"
    return f"{lead:+.4f}, {record}, p {shown(p)} ({shown(adjusted)})"


def shown(p):
    """The text of a p-value."""
    return "< .001" if p < 0.001 else f"{p:.3f}"


def print_pairs(values, versus):
    """Print how the chosen model does against each other one, on the sets that both have."""
    models = [model for model in values["AP"] if model != versus]
    if not models:
        return
    n_sets = {model: int(values["AP"][model].notna().sum()) for model in models}
    columns = []
    tested = [name for name in TESTED if values[name][versus].notna().any()]
    for name in tested:
        pairs = [compared(values[name], METRICS[name], model, versus) for model in models]
        p = np.array([p for *_, p in pairs])
        adjusted = p.copy()
        adjusted[~np.isnan(p)] = holm(p[~np.isnan(p)])
        columns.append([pair_text(*pair, p) for pair, p in zip(pairs, adjusted, strict=True)])
    print(
        f"\n{versus} against each: mean lead (positive is better), sets won-level-lost, p of "
        "Wilcoxon's test and, in brackets, adjusted by Holm's method for the models of the column. "
        "Under 'own' a model without tuned decisions has its cross-fitted ones.\n"
    )
    rows = [[model, n_sets[model], *cells] for model, *cells in zip(models, *columns, strict=True)]
    print_table(["against", "sets", *tested], rows)


def print_sets(values, versus):
    """Print the chosen model beside the best peer of each set."""
    peers = [m for m in values["AP"] if m not in {versus, *OURS, *ABLATIONS}]
    if not peers:
        return
    behind, rows = [], []
    for name in sorted(values["AP"].index):
        row = [name]
        for column in PER_SET:
            sign, table = METRICS[column].sign, values[column].loc[name]
            others = (sign * table[peers]).dropna()
            if others.empty:
                row += [f"{table[versus]:.3f}", ""]
                continue
            best = others.idxmax()
            row += [f"{table[versus]:.3f}", f"{table[best]:.3f} ({best})"]
            if column == "AP" and table[best] - table[versus] > FAR_BEHIND:
                behind.append(f"{name} ({table[versus] - table[best]:+.3f}, {best})")
        rows.append(row)
    print(f"\n{versus} and the best of {', '.join(peers)}.\n")
    header = [cell for column in PER_SET for cell in (column, "best peer")]
    print_table(["", *header], rows)
    print(f"\nMore than {FAR_BEHIND} AP behind the best peer: {', '.join(behind) or 'no set'}.")
