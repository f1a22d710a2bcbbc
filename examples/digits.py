"""Classify handwritten digits with a support vector machine, tuned by its error.

Five hyperparameters of mixed types, two of which exist only for some kernels.
Run it with::

    orion-like hunt -n digits --max-trials 40 python examples/digits.py \
        --components~'uniform(8, 60, discrete=True)' \
        --kernel~"choices(['linear', 'poly', 'rbf'])" \
        --C~'loguniform(1e-2, 1e2)' \
        --gamma~"loguniform(1e-5, 1e-1) if kernel != 'linear'" \
        --degree~"uniform(2, 5, discrete=True) if kernel == 'poly'"

Start the same line in other terminals, or on other machines with a MongoDB, to
get there sooner.
"""

from __future__ import annotations

import argparse
import time

from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from orion_like.client import report_results


def parse_arguments() -> argparse.Namespace:
    """Hyperparameters from the command line; those that do not apply keep their defaults."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--components", type=int, required=True, help="inputs kept by the PCA")
    parser.add_argument("--kernel", choices=["linear", "poly", "rbf"], required=True)
    parser.add_argument("--C", type=float, required=True, help="inverse of the regularization")
    parser.add_argument("--gamma", type=float, default=1.0, help="inverse width of the kernel")
    parser.add_argument("--degree", type=int, default=3, help="degree of the polynomial")
    return parser.parse_args()


def main() -> None:
    """Report the error rate in cross-validation, and what it took."""
    arguments = parse_arguments()
    images, labels = load_digits(return_X_y=True)
    model = make_pipeline(
        PCA(arguments.components, random_state=0),
        SVC(
            kernel=arguments.kernel,
            C=arguments.C,
            gamma=arguments.gamma,
            degree=arguments.degree,
        ),
    )

    start = time.perf_counter()
    scores = cross_val_score(model, images, labels, cv=3)
    seconds = time.perf_counter() - start

    print(f"accuracy {scores.mean():.4f} ± {scores.std():.4f}")
    report_results(
        [
            {"name": "error", "type": "objective", "value": 1 - float(scores.mean())},
            {"name": "deviation", "type": "statistic", "value": float(scores.std())},
            {"name": "seconds", "type": "statistic", "value": seconds},
        ]
    )


if __name__ == "__main__":
    main()
