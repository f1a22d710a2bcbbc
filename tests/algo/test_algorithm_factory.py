import re
import sys
from importlib.metadata import EntryPoint

import pytest

from orion_like.algo import (
    Algorithm,
    AlgorithmChoice,
    Exhausted,
    Requirements,
    Wait,
    available_algorithms,
    create_algorithm,
)
from orion_like.algo.auto import Auto
from orion_like.algo.random_search import Random
from orion_like.errors import AlgorithmError
from orion_like.space import build_space


class Centre(Algorithm):
    """Suggests the centre of the space."""

    name = "centre"

    def __init__(self, problem, offset=0.0):
        super().__init__(problem)
        self.offset = offset

    def observe(self, trials):
        pass

    def suggest(self, rng, number):
        return self.space.from_unit([0.5 + self.offset] * self.space.unit_width)


@pytest.fixture
def space():
    return build_space({"x": "uniform(0, 1)"})


@pytest.fixture
def plug_ins(monkeypatch):
    """Register plug-ins as if installed packages had declared them."""
    registered = []

    def entry_points(*, group):
        return [point for point in registered if point.group == group]

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)
    monkeypatch.setitem(sys.modules, "centre_plug_in", sys.modules[__name__])

    def register(name, value):
        registered.append(EntryPoint(name, value, "orion_like.algorithms"))

    return register


def test_names_are_found_in_any_case(space):
    assert isinstance(create_algorithm("RaNdOm", space), Random)


def test_the_default_is_auto(space):
    assert isinstance(create_algorithm(None, space), Auto)


def test_parameters_are_taken_from_the_dict_under_the_name(space):
    algorithm = create_algorithm({"tpe": {"n_initial_points": 3}}, space)

    assert algorithm.configuration["tpe"]["n_initial_points"] == 3


def test_a_configuration_may_name_its_type_in_a_key(space):
    algorithm = create_algorithm({"of_type": "gridsearch", "n_values": 4}, space)

    assert algorithm.configuration == {"gridsearch": {"n_values": 4}}


def test_a_class_is_an_algorithm_too(space):
    algorithm = create_algorithm(Centre, space)

    assert algorithm.suggest(None, 0) == {"x": 0.5}


def test_the_configuration_holds_the_defaults(space):
    assert create_algorithm("tpe", space).configuration == {
        "tpe": {"n_initial_points": 10, "n_ei_candidates": 24, "gamma": 0.1, "prior_weight": 1.0}
    }


def test_an_unknown_name_lists_what_there_is_and_guesses_what_was_meant(space):
    with pytest.raises(AlgorithmError) as error:
        create_algorithm("gridserch", space)

    assert ", ".join(available_algorithms()) in str(error.value)
    assert "did you mean 'gridsearch'?" in str(error.value)


def test_an_unknown_parameter_guesses_what_was_meant(space):
    with pytest.raises(AlgorithmError, match=re.escape("(did you mean 'n_initial_points'?)")):
        create_algorithm({"tpe": {"n_inital_points": 3}}, space)


@pytest.mark.parametrize(
    "configuration", [{"tpe": {}, "random": {}}, {}, {"tpe": 3}, 17, ["tpe"], {"tpe": ["x"]}]
)
def test_what_is_no_configuration_is_refused_with_the_form_that_is_right(configuration, space):
    with pytest.raises(AlgorithmError, match=r"\{'random': \{'seed': 1\}\}"):
        create_algorithm(configuration, space)


class TestSeed:
    def test_a_seed_among_the_parameters_is_the_experiments_seed(self, space):
        own = create_algorithm({"random": {"seed": 5}}, space)

        assert own.problem.seed == 5

    def test_it_is_no_part_of_the_configuration(self, space):
        own = create_algorithm({"random": {"seed": 5}}, space)

        assert own.configuration == {"random": {}}

    def test_it_can_be_read_before_the_experiment_is_created(self):
        assert AlgorithmChoice.parse({"random": {"seed": 5}}).seed == 5
        assert AlgorithmChoice.parse("random").seed is None

    def test_two_different_seeds_are_refused(self, space):
        with pytest.raises(AlgorithmError, match="its seed 5 differs from the experiment's, 6"):
            create_algorithm({"random": {"seed": 5}}, space, seed=6)

    @pytest.mark.parametrize("seed", [-1, 1.5, "1", True])
    def test_what_is_no_seed_is_refused(self, space, seed):
        with pytest.raises(AlgorithmError, match="seed must be an integer >= 0"):
            create_algorithm({"random": {"seed": seed}}, space)


class TestPlugIns:
    def test_an_entry_point_adds_an_algorithm(self, space, plug_ins):
        plug_ins("Centre", "centre_plug_in:Centre")

        algorithm = create_algorithm({"centre": {"offset": 0.25}}, space)

        assert algorithm.suggest(None, 0) == {"x": 0.75}
        assert "centre" in available_algorithms()

    def test_one_that_cannot_be_imported_is_named(self, space, plug_ins):
        plug_ins("broken", "no_such_package:Nothing")

        with pytest.raises(AlgorithmError, match="'no_such_package:Nothing' cannot be loaded"):
            create_algorithm("broken", space)

    def test_one_that_is_no_algorithm_is_named(self, space, plug_ins):
        plug_ins("wrong", "centre_plug_in:build_space")

        with pytest.raises(AlgorithmError, match="not a subclass"):
            create_algorithm("wrong", space)


class TestRequirements:
    @pytest.mark.parametrize(
        ("requires", "message"),
        [
            (Requirements(fidelity=True), "needs a fidelity dimension"),
            (Requirements(conditions=False), "conditional dimensions, such as 'y'"),
            (Requirements(constraints=False), "input constraints, such as 'x <= 0.5'"),
            (Requirements(max_objectives=1), r"at most 1 objective\(s\), but 2"),
        ],
    )
    def test_a_problem_that_an_algorithm_does_not_accept_is_refused(self, requires, message):
        space = build_space(
            {"x": "uniform(0, 1)", "y": "uniform(0, 1) if x > 0.5"}, constraints=["x <= 0.5"]
        )
        picky = type("Picky", (Centre,), {"requires": requires})

        with pytest.raises(AlgorithmError, match=message):
            create_algorithm(picky, space, objectives=[{"name": "a"}, {"name": "b"}])


class TestObjectives:
    def test_an_unknown_direction_is_refused(self, space):
        with pytest.raises(AlgorithmError, match="did you mean 'maximize'"):
            create_algorithm("random", space, objectives=[{"name": "a", "direction": "maximise"}])

    def test_an_unknown_field_is_refused(self, space):
        with pytest.raises(AlgorithmError, match="goal"):
            create_algorithm("random", space, objectives=[{"name": "a", "goal": "maximize"}])

    def test_an_unknown_field_of_a_constraint_is_refused(self, space):
        with pytest.raises(AlgorithmError, match=r"constraint .* is malformed"):
            create_algorithm("random", space, constraints=[{"name": "a", "above": 1}])


def test_an_algorithm_reads_well(space):
    algorithm = create_algorithm({Centre: {"offset": 0.25}}, space)

    assert str(algorithm) == "centre"
    assert repr(algorithm) == "Centre(offset=0.25)"


def test_the_signals_are_told_apart_and_read_well():
    assert Wait is not Exhausted
    assert [repr(Wait), repr(Exhausted)] == ["Wait", "Exhausted"]


def test_parameters_of_orions_algorithm_are_accepted_with_a_warning(caplog):
    space = build_space({"x": "uniform(0, 1)"})
    configuration = {"tpe": {"n_initial_points": 5, "equal_weight": False, "max_retry": 100}}

    algorithm = create_algorithm(configuration, space)

    assert algorithm.configuration["tpe"]["n_initial_points"] == 5
    assert "equal_weight" not in algorithm.configuration["tpe"]
    assert "'equal_weight' has no effect" in caplog.text
