"""Learn handwritten digits in passes over the data, many configurations a little, the best on.

The number of epochs is a fidelity: ``asha`` tries many configurations for one epoch, and has the
best go on for three and for nine. One that goes on does so from its checkpoint, not from scratch.
Run it with::

    orion-like hunt -n asha --max-trials 40 --working-dir work --algorithm asha --keep-best 1 \
        python examples/asha.py \
        --alpha~'loguniform(1e-6, 1e-1)' \
        --eta0~'loguniform(1e-3, 10)' \
        --penalty~"choices(['l2', 'l1', 'elasticnet'])" \
        --epochs~'fidelity(1, 9, base=3)'

Start the same line in other terminals to get there sooner. At the end
``orion-like checkpoints download -n asha --best`` gives the best model.
"""

from __future__ import annotations

import argparse
import os
import pickle

from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

from orion_like.client import (
    latest_checkpoint,
    report_intermediate,
    report_objective,
    save_checkpoint,
)


def parse_arguments() -> argparse.Namespace:
    """Hyperparameters from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alpha", type=float, required=True, help="regularization")
    parser.add_argument("--eta0", type=float, required=True, help="rate of learning")
    parser.add_argument("--penalty", choices=["l2", "l1", "elasticnet"], required=True)
    parser.add_argument("--epochs", type=int, required=True, help="passes over the data in all")
    return parser.parse_args()


def new_or_saved_model(arguments: argparse.Namespace) -> tuple[SGDClassifier, int]:
    """Return the classifier, and how many epochs it has been trained for."""
    checkpoint = latest_checkpoint()
    if checkpoint is not None:
        with open(os.path.join(checkpoint, "model.pkl"), "rb") as file:
            return pickle.load(file), checkpoint.step
    model = SGDClassifier(
        alpha=arguments.alpha,
        penalty=arguments.penalty,
        learning_rate="constant",
        eta0=arguments.eta0,
        random_state=0,
    )
    return model, 0


def main() -> None:
    """Train the classifier and report its error on digits that it has not seen."""
    arguments = parse_arguments()
    images, labels = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(images / 16, labels, random_state=0)
    model, start = new_or_saved_model(arguments)

    for epoch in range(start + 1, arguments.epochs + 1):
        model.partial_fit(train_x, train_y, classes=range(10))
        with save_checkpoint(epoch) as path, open(os.path.join(path, "model.pkl"), "wb") as file:
            pickle.dump(model, file)
        report_intermediate(1 - model.score(test_x, test_y), step=epoch)
    report_objective(1 - model.score(test_x, test_y))


if __name__ == "__main__":
    main()
