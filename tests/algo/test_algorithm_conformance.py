from typing import Any, ClassVar

from orion_like.testing.algorithms import AlgorithmConformance


class TestRandom(AlgorithmConformance):
    configuration = "random"


class TestSobol(AlgorithmConformance):
    configuration = "sobol"


class TestGridSearch(AlgorithmConformance):
    configuration: ClassVar[Any] = {"gridsearch": {"n_values": 40}}
    deterministic = True


class TestTPE(AlgorithmConformance):
    configuration = "tpe"
