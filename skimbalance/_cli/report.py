"""Report how well a trained model does on rows that it has not seen, class by class."""

from argparse import Namespace

from skimbalance._cli.columns import as_trained
from skimbalance._cli.models import open_model
from skimbalance._cli.output import STANDARD_OUTPUT, output_file, print_json, print_text
from skimbalance._cli.roles import with_names
from skimbalance._cli.tables import open_table
from skimbalance._cli.targets import as_classes, as_labels

__all__ = ["run"]


def run(args: Namespace) -> None:
    """Run the command."""
    from skimbalance.report import ImbalanceReport

    table = open_table(args.table, args.encoding)
    model, kinds, target = open_model(args.model, table, args.target)
    if target is None:
        raise ValueError(
            f"The option --target must be given, as the file '{args.model}' does not say what the "
            "model predicts. Got none."
        )
    table.check_columns([target] if isinstance(target, str) else target, "the target")
    part = table.whole()
    if isinstance(target, str):
        y = as_classes(part, target, model.classes_, table)
    else:
        y = with_names(as_labels(part, target, table), target)
    X = as_trained(part, kinds, table)
    # Seeded, so that the same rows give the same intervals.
    result = ImbalanceReport.from_estimator(model, X, y, random_state=0)
    if args.out:
        with output_file(args.out) as path:
            result.save(path)
    if args.json:
        print_json(result.to_dict() | {"page": args.out})
    elif args.out != STANDARD_OUTPUT:
        print_text(str(result))
        if args.out:
            print_text(f"The page is in {args.out}.")
