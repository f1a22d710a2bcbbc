"""Classes that derive from the ``BaseAlgorithm`` of an installed Oríon."""

import pytest

from orion_like.algo import create_algorithm
from orion_like.testing.algorithms import SPACES, AlgorithmConformance, drive, smooth_loss

orion = pytest.importorskip(
    "orion.algo.base",
    reason="Oríon 0.2.7 needs older versions of numpy, scipy and setuptools than the tests have",
)


class Sampler(orion.BaseAlgorithm):
    """Samples the space that Oríon makes for it."""

    requires_type = "real"
    requires_dist = "linear"
    requires_shape = "flattened"

    def __init__(self, space, tries=5):
        super().__init__(space, tries=tries)
        self.rng = None

    def seed_rng(self, seed):
        import numpy

        self.rng = numpy.random.RandomState(seed)

    def suggest(self, num):
        for _ in range(self.tries):
            trials = self.space.sample(1, seed=tuple(self.rng.randint(0, 2**31, size=3)))
            if not self.has_suggested(trials[0]):
                self.register(trials[0])
                return trials
        return []


class TestSampler(AlgorithmConformance):
    configuration = Sampler
    n_trials = 10
    cost_at = (10, 40)
    cost_ratio = 10.0  # a copy of an instance copies all its trials


@pytest.mark.parametrize("name", ["random", "tpe"])
def test_orions_own_algorithms_run(name):
    path = {"random": "orion.algo.random:Random", "tpe": "orion.algo.tpe:TPE"}[name]
    space = SPACES["mixed"]()
    algorithm = create_algorithm(path, space, seed=1)

    trials = list(drive(algorithm, smooth_loss(space), 25, workers=3))

    assert len(trials) == 25
