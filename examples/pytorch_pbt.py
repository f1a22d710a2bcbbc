"""Train a PyTorch network on handwritten digits, with a schedule that a population finds.

Population based training changes the learning rate and the rest in the course of the training: bad
networks are replaced by copies of good ones that go on with other values. Run it with::

    orion-like hunt -n pytorch --config examples/pytorch_pbt.yaml --working-dir work \
        python examples/pytorch_pbt.py \
        --epochs~'fidelity(4, 20, base=1)' \
        --lr~'loguniform(1e-3, 1)' \
        --momentum~'uniform(0, 0.99)' \
        --dropout~'uniform(0, 0.6)' \
        --decay~'loguniform(1e-6, 1e-2)'

Start the same line in other terminals to have more workers. Kill any of them at any time: a
training that goes on from a checkpoint gives the same network, to the last bit, as one that was
not interrupted, since the checkpoint has all that the next epoch depends on.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import nn

from orion_like.client import (
    latest_checkpoint,
    report_intermediate,
    report_objective,
    save_checkpoint,
)

BATCH = 64


def parse_arguments() -> argparse.Namespace:
    """Hyperparameters from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, required=True, help="passes over the data in all")
    parser.add_argument("--lr", type=float, required=True, help="learning rate")
    parser.add_argument("--momentum", type=float, required=True, help="momentum of the gradient")
    parser.add_argument("--dropout", type=float, required=True, help="share of units left out")
    parser.add_argument("--decay", type=float, required=True, help="decay of the weights")
    return parser.parse_args()


def load_data() -> tuple[torch.Tensor, ...]:
    """Return images and labels for training, then for testing: every fourth one."""
    digits = load_digits()
    images = torch.tensor(digits.data / 16, dtype=torch.float32)
    labels = torch.tensor(digits.target)
    testing = torch.arange(len(labels)) % 4 == 0
    return images[~testing], labels[~testing], images[testing], labels[testing]


class Training:
    """A network in training, and everything that its next epoch depends on.

    Parameters
    ----------
    arguments
        The hyperparameters; they may be others than those of the epochs so far.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        torch.manual_seed(0)
        self.epoch = 0
        self.model = nn.Sequential(
            nn.Linear(64, 64), nn.ReLU(), nn.Dropout(arguments.dropout), nn.Linear(64, 10)
        )
        self.optimizer = torch.optim.SGD(self.model.parameters())
        self.order = torch.Generator().manual_seed(0)  # of the images in each epoch
        self.values = {
            "lr": arguments.lr,
            "momentum": arguments.momentum,
            "weight_decay": arguments.decay,
        }

    def state(self) -> dict[str, Any]:
        """Return all that the next epoch depends on."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "order": self.order.get_state(),
            "dropout": torch.get_rng_state(),
        }

    def restore(self, path: str, epoch: int) -> None:
        """Go back to a saved state."""
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.order.set_state(state["order"])
        torch.set_rng_state(state["dropout"])
        self.epoch = epoch

    def train(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        """Pass over the data once."""
        for group in self.optimizer.param_groups:  # loading a state brings back the old values
            group.update(self.values)
        self.model.train()
        for batch in torch.randperm(len(images), generator=self.order).split(BATCH):
            self.optimizer.zero_grad()
            nn.functional.cross_entropy(self.model(images[batch]), labels[batch]).backward()
            self.optimizer.step()
        self.epoch += 1

    def error(self, images: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
        """Return the cross-entropy and the share of wrong answers."""
        self.model.eval()
        with torch.no_grad():
            answers = self.model(images)
            loss = nn.functional.cross_entropy(answers, labels)
            wrong = (answers.argmax(1) != labels).float().mean()
        return float(loss), float(wrong)


def main() -> None:
    """Train up to the number of epochs, and report the loss on digits that it has not seen."""
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    arguments = parse_arguments()
    train_x, train_y, test_x, test_y = load_data()
    training = Training(arguments)
    checkpoint = latest_checkpoint()
    if checkpoint is not None:  # of this trial, or of the one that it goes on from
        training.restore(os.path.join(checkpoint, "training.pt"), checkpoint.step)

    while training.epoch < arguments.epochs:
        training.train(train_x, train_y)
        loss, wrong = training.error(test_x, test_y)
        report_intermediate({"objective": loss, "wrong": wrong}, step=training.epoch)
        with save_checkpoint(training.epoch) as path:
            torch.save(training.state(), os.path.join(path, "training.pt"))
    report_objective(training.error(test_x, test_y)[0])


if __name__ == "__main__":
    main()
