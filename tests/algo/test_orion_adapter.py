from importlib.metadata import EntryPoint

import numpy as np
import pytest

from orion_like.algo import Exhausted, Wait, create_algorithm
from orion_like.algo.adapters import BaseAlgorithm
from orion_like.algo.adapters.orion_space import OrionSpace, Requirement
from orion_like.client import build_experiment
from orion_like.errors import AlgorithmError
from orion_like.space import build_space
from orion_like.testing.algorithms import (
    SPACES,
    AlgorithmConformance,
    completed,
    drive,
    make_trial,
    smooth_loss,
    suggestions,
)


class GradientDescent(BaseAlgorithm):
    """Follows reported gradients, in the style of the plug-ins that Oríon's users write."""

    requires_type = "real"
    requires_shape = "flattened"

    def __init__(self, space, learning_rate=1.0, dx_tolerance=1e-5):
        super().__init__(space, learning_rate=learning_rate, dx_tolerance=dx_tolerance)
        self.point = self.gradient = self.rng = None

    def seed_rng(self, seed):
        self.rng = np.random.RandomState(seed)

    def suggest(self, num):
        if self.gradient is None:
            trials = self.space.sample(num, seed=self.rng)
        else:
            low, high = np.array(self.space.interval()).T
            point = np.clip(self.point - self.learning_rate * self.gradient, low, high)
            trials = [self.format_trial(dict(zip(self.space, point, strict=True)))]
        for trial in trials:
            self.register(trial)
        return trials

    def observe(self, trials):
        super().observe(trials)
        if trials[-1].gradient is not None:
            self.point = np.array(list(trials[-1].flat_params.values()))
            self.gradient = np.asarray(trials[-1].gradient.value)

    @property
    def is_done(self):
        return self.gradient is not None and np.linalg.norm(self.gradient) <= self.dx_tolerance


class Generations(BaseAlgorithm):
    """Suggests generations around the best point, each when the one before is finished."""

    def __init__(self, space, size=4):
        super().__init__(space, size=size)
        self.queue = []
        self.open = set()
        self.best = None
        self.generation = 0

    def seed_rng(self, seed):
        self.rng = np.random.RandomState(seed)

    def suggest(self, num):
        if not self.queue:
            if self.open:
                return None
            self.generation += 1
            self.queue = self.space.sample(self.size, seed=self.rng)
        trial = self.queue.pop()
        self.open.add(self.get_id(trial))
        self.register(trial)
        return [trial]

    def observe(self, trials):
        super().observe(trials)
        self.open -= {self.get_id(trial) for trial in trials}


class Watching(BaseAlgorithm):
    """Remembers what it was shown, beside the instance, which is copied."""

    seen = []  # noqa: RUF012

    def suggest(self, num):
        return self.space.sample(num, seed=len(self.registry))

    def observe(self, trials):
        super().observe(trials)
        self.seen += trials


class Failing(Watching):
    def suggest(self, num):
        raise RuntimeError("out of ideas")


class TestGradientDescent(AlgorithmConformance):
    configuration = GradientDescent


class TestGenerations(AlgorithmConformance):
    configuration = Generations


def with_gradient(trial, space, value, gradient):
    results = [
        {"name": "objective", "type": "objective", "value": value},
        {"name": "gradient", "type": "gradient", "value": gradient},
    ]
    return make_trial(space, trial, 0, "completed", results)


def descend(space, loss, gradient, learning_rate=0.3):
    """Return the points of a descent, until it is done."""
    algorithm = create_algorithm({GradientDescent: {"learning_rate": learning_rate}}, space, seed=1)
    points = []
    for number in range(60):
        [point] = suggestions(algorithm, number, 1)
        if point is Exhausted:
            break
        points.append(point)
        results = [
            {"name": "objective", "type": "objective", "value": loss(point)},
            {"name": "gradient", "type": "gradient", "value": gradient(point)},
        ]
        algorithm.observe([make_trial(space, point, number, "completed", results)])
    return points


class TestReportedGradients:
    def test_they_lead_to_the_minimum_where_the_search_ends(self):
        space = build_space({f"x{i}": "uniform(-5, 5, precision=None)" for i in range(3)})

        points = descend(
            space,
            lambda point: sum((x - 1) ** 2 for x in point.values()),
            lambda point: {name: 2 * (x - 1) for name, x in point.items()},
        )

        assert len(points) < 30
        assert list(points[-1].values()) == pytest.approx([1, 1, 1], abs=1e-4)

    def test_a_class_sees_them_in_the_order_of_its_dimensions_and_on_its_scale(self, watched):
        Watching.requires_dist = "linear"
        space = build_space(
            {"c": "choices(['a', 'b'])", "lr": "loguniform(0.01, 1)", "x": "uniform(0, 1)"}
        )
        algorithm = create_algorithm(Watching, space)
        point = {"c": "a", "lr": 0.1, "x": 0.5}

        algorithm.observe([with_gradient(point, space, 1.0, {"lr": 3.0, "x": 2.0})])
        suggestions(algorithm, 1, 1)

        assert watched[-1].gradient.value == pytest.approx([0.0, 0.3, 2.0])


@pytest.fixture
def watched(monkeypatch):
    monkeypatch.setattr(Watching, "requires_dist", None)
    Watching.seen.clear()
    return Watching.seen


class TestWhatAClassObserves:
    def test_an_objective_to_be_maximized_has_the_other_sign(self, watched):
        space = SPACES["real"]()
        objectives = [{"name": "accuracy", "direction": "maximize"}]
        algorithm = create_algorithm(Watching, space, objectives=objectives)

        algorithm.observe([completed(space, {"x": 1.0, "y": 2.0}, 0, 0.9)])
        suggestions(algorithm, 1, 1)

        assert [trial.objective.value for trial in watched] == [-0.9]

    @pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
    def test_failed_trials_are_broken_ones_without_an_objective(self, watched, value):
        space = SPACES["real"]()
        algorithm = create_algorithm(Watching, space)
        point = {"x": 1.0, "y": 2.0}

        algorithm.observe(
            [make_trial(space, point, 0, "broken")]
            if value is None
            else [completed(space, point, 0, value)]
        )
        suggestions(algorithm, 1, 1)

        assert [(trial.status, trial.objective) for trial in watched] == [("broken", None)]

    def test_values_that_are_inactive_are_those_it_suggested_itself(self, watched):
        space = build_space({"a": "choices([0])", "b": "uniform(0, 1) if a == 1"})
        algorithm = create_algorithm(Watching, space)

        trials = list(drive(algorithm, smooth_loss(space), 1))
        suggestions(algorithm, 1, 1)

        [suggested] = OrionSpace(space, Requirement()).sample(1, seed=0)
        assert [trial.flat_params for trial in trials] == [{"a": 0}]
        assert [trial.flat_params for trial in watched] == [suggested.flat_params]


class TestManyWorkers:
    @pytest.mark.parametrize("workers", [2, 4, 16])
    def test_they_visit_whole_generations_as_one_worker_does(self, workers):
        space = SPACES["mixed"]()

        def visited(workers):
            algorithm = create_algorithm({Generations: {"size": 4}}, space, seed=3)
            trials = drive(algorithm, smooth_loss(space), 24, workers)
            return sorted(repr(trial.flat_params) for trial in trials)

        assert visited(workers) == visited(1)

    def test_who_waits_for_a_generation_is_told_to(self):
        space = SPACES["real"]()
        algorithm = create_algorithm({Generations: {"size": 2}}, space)
        for number in range(2):
            [point] = suggestions(algorithm, number, 1)
            algorithm.observe([make_trial(space, point, number)])

        assert suggestions(algorithm, 2, 1) == [Wait]

    def test_numbers_that_others_are_thinking_about_get_other_points(self):
        algorithm = create_algorithm({Generations: {"size": 8}}, SPACES["real"](), seed=1)

        points = suggestions(algorithm, 0, 8)

        assert len({repr(point) for point in points}) == 8


class TestNames:
    def test_a_class_is_found_by_its_path(self):
        algorithm = create_algorithm(f"{__name__}:Generations", SPACES["real"]())

        assert algorithm.configuration == {f"{__name__}:Generations": {"size": 4}}

    def test_an_experiment_with_a_class_is_resumed_by_its_name_alone(self, tmp_path):
        storage = str(tmp_path / "db.pkl")
        space = {"x": "uniform(0, 1)"}
        first = build_experiment("demo", space=space, algorithm=Generations, storage=storage)
        first.workon(lambda x: x, max_trials=3)

        resumed = build_experiment("demo", storage=storage)
        resumed.workon(lambda x: x, max_trials=6)

        assert len(resumed.fetch_trials()) == 6

    def test_plug_ins_of_orion_have_the_names_of_their_classes(self, monkeypatch):
        point = EntryPoint("gd", f"{__name__}:GradientDescent", "BaseAlgorithm")
        monkeypatch.setattr(
            "importlib.metadata.entry_points",
            lambda group: [point] if group == "BaseAlgorithm" else [],
        )

        algorithm = create_algorithm("gradientdescent", SPACES["real"]())

        assert algorithm.configuration == {
            f"{__name__}:GradientDescent": {"learning_rate": 1.0, "dx_tolerance": 1e-5}
        }

    def test_a_class_that_is_no_algorithm_at_all_is_refused(self):
        with pytest.raises(AlgorithmError, match="suggest and observe"):
            create_algorithm("collections:OrderedDict", SPACES["real"]())

    def test_a_path_that_leads_nowhere_is_named(self):
        with pytest.raises(AlgorithmError, match=r"'no_such_module:Class'.*cannot be loaded"):
            create_algorithm("no_such_module:Class", SPACES["real"]())


def test_what_fails_in_a_class_is_told_with_its_name():
    algorithm = create_algorithm(Failing, SPACES["real"]())

    with pytest.raises(AlgorithmError, match=r"Failing' failed: RuntimeError: out of ideas"):
        suggestions(algorithm, 0, 1)


def test_a_parameter_without_default_must_be_given():
    class Needy(Generations):
        def __init__(self, space, speed):
            super().__init__(space)

    with pytest.raises(AlgorithmError, match="'speed' is missing"):
        create_algorithm(Needy, SPACES["real"]())


REQUIREMENTS = [
    Requirement(),
    Requirement("real", None, "flattened"),
    Requirement("real", "linear", "flattened"),
    Requirement("numerical", "linear", None),
    Requirement("integer", None, "flattened"),
]


class TestTheSpaceThatAClassSees:
    @pytest.mark.parametrize("requirement", REQUIREMENTS[:4], ids=str)
    @pytest.mark.parametrize("name", SPACES)
    def test_points_come_back_from_it_as_they_were(self, name, requirement):
        space = SPACES[name]()
        seen = OrionSpace(space, requirement)

        for k in range(20):
            point = space.sample(np.random.default_rng(k))
            trial = make_trial(space, point, 0)
            trial._params = [type(trial).Param(**p) for p in seen.params(point)]
            back = seen.point(trial)
            assert back == {
                name: pytest.approx(value, rel=1e-3) if isinstance(value, float) else value
                for name, value in point.items()
            }

    @pytest.mark.parametrize("requirement", REQUIREMENTS, ids=str)
    @pytest.mark.parametrize("name", SPACES)
    def test_its_samples_are_of_the_required_type_and_within_it(self, name, requirement):
        space = SPACES[name]()
        seen = OrionSpace(space, requirement)

        trials = seen.sample(20, seed=1)

        for trial in trials:
            assert trial in seen
            point = seen.point(trial)
            assert point.keys() == space.active(point)
            if requirement.shape == "flattened":
                for value in [p.value for p in trial._params if p.type != "fidelity"]:
                    assert isinstance(value, float if requirement.kind == "real" else int)

    def test_logarithms_categories_and_arrays_are_spread_out(self):
        space = build_space(
            {
                "c": "choices(['a', 'b', 'c'])",
                "flag": "choices([True, False])",
                "lr": "loguniform(0.001, 1)",
                "w": "uniform(0, 1, shape=(1, 2))",
            }
        )

        seen = OrionSpace(space, Requirement("real", "linear", "flattened"))

        names = ["c[0]", "c[1]", "c[2]", "flag", "lr", "w[0,0]", "w[0,1]"]
        assert list(seen) == names
        assert {dim.type for dim in seen.values()} == {"real"}
        assert seen["lr"].interval() == pytest.approx((np.log(0.001), 0.0))
        assert seen["lr"].prior_name == "reciprocal"

    def test_an_unknown_requirement_is_refused(self):
        wrong = type("Wrong", (Watching,), {"requires_type": "reals"})

        with pytest.raises(AlgorithmError, match="did you mean 'real'"):
            create_algorithm(wrong, SPACES["real"]())
