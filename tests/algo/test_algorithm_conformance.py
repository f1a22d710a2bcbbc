from typing import Any, ClassVar

from orion_like.algo import Algorithm, Kind, judge, point_key
from orion_like.algo.random_search import Random
from orion_like.testing.algorithms import AlgorithmConformance


class TestRandom(AlgorithmConformance):
    configuration = "random"


class TestSobol(AlgorithmConformance):
    configuration = "sobol"


class TestHalton(AlgorithmConformance):
    configuration = "halton"


class TestLatinHypercube(AlgorithmConformance):
    configuration: ClassVar[Any] = {"latinhypercube": {"n_strata": 8}}


class TestLBFGS(AlgorithmConformance):
    configuration = "lbfgs"


class TestMOFA(AlgorithmConformance):
    configuration: ClassVar[Any] = {"mofa": {"n_levels": 3, "strength": 1, "index": 2}}


class TestGridSearch(AlgorithmConformance):
    configuration: ClassVar[Any] = {"gridsearch": {"n_values": 40}}
    deterministic = True


class TestTPE(AlgorithmConformance):
    configuration = "tpe"


class TestCMAES(AlgorithmConformance):
    configuration = "cmaes"


class TestNSGA2(AlgorithmConformance):
    configuration: ClassVar[Any] = {"nsga2": {"population_size": 12}}


class TestDifferentialEvolution(AlgorithmConformance):
    configuration: ClassVar[Any] = {"de": {"population_size": 8}}


class TestASHA(AlgorithmConformance):
    configuration: ClassVar[Any] = {"asha": {"num_brackets": 2}}


class TestBOHB(AlgorithmConformance):
    configuration = "bohb"


class TestHyperband(AlgorithmConformance):
    configuration = "hyperband"


class TestNevergrad(AlgorithmConformance):
    configuration: ClassVar[Any] = {"nevergrad": {"model_name": "OnePlusOne"}}
    n_trials = 12  # each takes nevergrad some ten milliseconds
    cost_at = (20, 60)
    cost_ratio = 10.0  # it keeps all trials, so that its cost grows with them


class Halving(Algorithm):
    """A plug-in as the documentation shows it."""

    name = "halving"

    def __init__(self, problem, restarts=0.2):
        super().__init__(problem)
        self.restarts = restarts
        self.random = Random(problem)
        self.encoding = problem.space.encoding()
        self.best = None
        self.taken = set()

    def observe(self, trials):
        trials = list(trials)
        self.random.observe(trials)
        for trial in trials:
            self.taken.add(point_key(trial.flat_params))
            outcome = judge(trial, self.problem)
            if outcome is not None and outcome.kind is Kind.FEASIBLE:
                rank = (outcome.losses[0], trial.id)
                if self.best is None or rank < self.best[0]:
                    self.best = (rank, self.encoding.encode(trial))

    def suggest(self, rng, number):
        if self.best is None or rng.random() < self.restarts:
            return self.random.suggest(rng, number)
        start = self.encoding.encode(self.space.sample(rng))
        params = self.encoding.decode((start + self.best[1]) / 2)
        if point_key(params) in self.taken or not self.space.satisfies(params):
            return self.random.suggest(rng, number)
        return params


class TestPlugIn(AlgorithmConformance):
    configuration = Halving


class TestAuto(AlgorithmConformance):
    configuration = "auto"
    n_trials = 20


class TestGP(AlgorithmConformance):
    configuration = "gp"
    n_trials = 20


class TestPBT(AlgorithmConformance):
    configuration: ClassVar[Any] = {
        "pbt": {"population_size": 6, "generations": 4, "repetitions": None}
    }


class TestPB2(AlgorithmConformance):
    configuration: ClassVar[Any] = {
        "pb2": {"population_size": 6, "generations": 4, "repetitions": None}
    }


class TestEvolutionES(AlgorithmConformance):
    configuration: ClassVar[Any] = {"evolutiones": {"nums_population": 6}}


class TestDEHB(AlgorithmConformance):
    configuration = "dehb"
