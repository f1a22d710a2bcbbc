"""Train a neural network on handwritten digits, epoch by epoch, and give bad ones up early.

After each epoch the script reports its error, saves a checkpoint, and ends if a rule says
that going on is no use. Run it with::

    orion-like hunt -n perceptron --max-trials 30 --working-dir work --stopping halving \
        python examples/perceptron.py \
        --units~'loguniform(8, 128, discrete=True)' \
        --lr~'loguniform(1e-4, 1e-1)' \
        --alpha~'loguniform(1e-6, 1e-1)'

Interrupt it, or kill it, and start it again: trials go on where they were. Then look at how they
learned with ``orion-like plot intermediate_values -n perceptron --type html``.
"""

from __future__ import annotations

import argparse
import os
import pickle
import sys

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from orion_like.client import (
    latest_checkpoint,
    report_intermediate,
    report_objective,
    save_checkpoint,
    should_stop,
)


def parse_arguments() -> argparse.Namespace:
    """Hyperparameters from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, required=True, help="size of the hidden layer")
    parser.add_argument("--lr", type=float, required=True, help="rate of learning")
    parser.add_argument("--alpha", type=float, required=True, help="regularization")
    parser.add_argument("--epochs", type=int, default=9, help="passes over the data")
    return parser.parse_args()


def new_or_saved_model(arguments: argparse.Namespace) -> tuple[MLPClassifier, int]:
    """Return the network, and how many epochs it has been trained for."""
    checkpoint = latest_checkpoint()
    if checkpoint is not None:
        with open(os.path.join(checkpoint, "model.pkl"), "rb") as file:
            return pickle.load(file), checkpoint.step
    model = MLPClassifier(
        (arguments.units,),
        learning_rate_init=arguments.lr,
        alpha=arguments.alpha,
        random_state=0,
    )
    return model, 0


def main() -> None:
    """Train the network and report its error on digits that it has not seen."""
    arguments = parse_arguments()
    images, labels = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(images / 16, labels, random_state=0)
    model, start = new_or_saved_model(arguments)

    for epoch in range(start + 1, arguments.epochs + 1):
        model.partial_fit(train_x, train_y, classes=range(10))
        report_intermediate(1 - model.score(test_x, test_y), step=epoch)
        report_intermediate({"loss": model.loss_}, step=epoch, group="training")
        with save_checkpoint(epoch) as path, open(os.path.join(path, "model.pkl"), "wb") as file:
            pickle.dump(model, file)
        if should_stop():
            sys.exit()
    report_objective(1 - model.score(test_x, test_y))


if __name__ == "__main__":
    main()
