"""The columns of the matrix: each a law that a row keeps where the two meet."""

from matrix import (
    data_columns,
    estimator_columns,
    held_out_columns,
    parameter_columns,
    stream_columns,
    view_columns,
)

#: Heading -> columns of a table that fits a page.
GROUPS_OF_COLUMNS = {
    "Copies, files, weights, groups and held-out rows": {
        "clone": data_columns.cloned,
        "pickle": data_columns.pickled,
        "model file": data_columns.in_model_file,
        "weights, routed": data_columns.routed_weights,
        "groups, routed": data_columns.routed_groups,
        "own held-out rows": held_out_columns.with_own_rows,
    },
    "Forms of X and y": {
        "DataFrame": data_columns.from_frame,
        "polars": data_columns.from_polars,
        "sparse X": data_columns.from_sparse,
        "missing values": data_columns.with_missing_values,
        "text labels": data_columns.with_text_labels,
        "multilabel y": data_columns.with_labels,
        "missing labels": data_columns.with_missing_labels,
        "sequences": data_columns.with_sequences,
        "several inputs": data_columns.with_inputs,
        "stream": stream_columns.from_stream,
    },
    "Parameters as a dict, a Series or a DataFrame, read by class label": {
        "class_weight": parameter_columns.by_class_weight,
        "alpha": parameter_columns.by_alpha,
        "priors": parameter_columns.by_priors,
        "cost_matrix": parameter_columns.by_cost_matrix,
        "loss_params": parameter_columns.by_loss_params,
    },
    "Estimators around it, and the stacked backend": {
        "sampler in a pipeline": estimator_columns.in_pipeline_with_sampler,
        "decision tuner": estimator_columns.in_tuner,
        "prior correction": estimator_columns.in_prior,
        "calibration": estimator_columns.in_calibration,
        "bagging": estimator_columns.in_bagging,
        "stacking": estimator_columns.in_stacking,
        "search": estimator_columns.in_search,
        "stacked backend": estimator_columns.in_stacked_backend,
    },
    "What looks at the result": {
        "report": view_columns.in_report,
        "comparison": view_columns.in_comparison,
        "displays": view_columns.in_displays,
        "command line": view_columns.in_command_line,
    },
}
COLUMNS = {name: check for group in GROUPS_OF_COLUMNS.values() for name, check in group.items()}
