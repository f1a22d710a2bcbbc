"""Figures of one experiment."""

from __future__ import annotations

import inspect
import subprocess
import sys

import numpy as np
import pytest

from orion_like import plotting
from orion_like.cli.plot import KINDS
from orion_like.errors import ObjectiveError, OrionLikeError
from orion_like.plotting import (
    SINGLE_EXPERIMENT_PLOTS,
    PlotAccessor,
    hypervolume_history,
    lpi,
    parallel_coordinates,
    pareto_front,
    partial_dependencies,
    rankings,
    regret,
    regrets,
)

QUICK = {
    "lpi": {"n_runs": 1, "n_points": 4, "model_kwargs": {"n_estimators": 5}},
    "partial_dependencies": {
        "n_samples": 3, "n_grid_points": 3, "model_kwargs": {"n_estimators": 5},
    },
}  # fmt: skip

KINDS_OF_FIGURES = sorted(SINGLE_EXPERIMENT_PLOTS)
OF_SEVERAL_OBJECTIVES = ("hypervolume_history", "pareto_front")
TWO = ["loss", "gain:maximize"]


def results(objectives, slack=None):
    constraint = [] if slack is None else [{"name": "slack", "type": "constraint", "value": slack}]
    return [
        *({"name": n, "type": "objective", "value": v} for n, v in objectives.items()),
        *constraint,
    ]


@pytest.fixture
def of_two(make):
    """An experiment that minimizes a loss and maximizes a gain; two trials are in the front."""
    reports = [
        results({"loss": 3.0, "gain": 6.0}, 0.0),
        results({"gain": 5.0, "loss": 3.0}, 0.0),  # dominated
        results({"loss": 1.0, "gain": 4.0}, 0.0),
        results({"loss": 0.0, "gain": 9.0}, -1.0),  # infeasible
    ]
    return make(reports, name="demo", objectives=TWO)


def traces(figure, kind):
    return [trace for trace in figure.data if trace.type == kind]


# --- all kinds ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS_OF_FIGURES)
def test_each_figure_names_its_experiment_and_shows_data(experiment, of_two, kind):
    experiment = of_two if kind in OF_SEVERAL_OBJECTIVES else experiment
    figure = SINGLE_EXPERIMENT_PLOTS[kind](experiment, **QUICK.get(kind, {}))

    assert figure.layout.title.text.endswith("for experiment 'demo'")
    assert len(figure.data) > 0
    assert figure.to_json()


@pytest.mark.parametrize("kind", KINDS_OF_FIGURES)
def test_a_figure_of_nothing_has_no_data_and_says_so(make, kind):
    experiment = make(objectives=TWO)
    with experiment.suggest():
        pass

    figure = experiment.plot(kind=kind)

    assert len(figure.data) == 0
    assert figure.layout.annotations[0].text in (
        "No trial is completed yet", "No trial has reported yet",
    )  # fmt: skip


@pytest.mark.parametrize("kind", KINDS_OF_FIGURES)
def test_a_figure_of_no_experiment_is_refused(kind):
    with pytest.raises(ValueError, match="need an experiment, not None"):
        SINGLE_EXPERIMENT_PLOTS[kind](None)


@pytest.mark.parametrize("kind", KINDS_OF_FIGURES)
def test_the_layout_can_be_chosen(of_two, kind):
    figure = of_two.plot(kind=kind, title="Mine", height=777, **QUICK.get(kind, {}))

    assert (figure.layout.title.text, figure.layout.height) == ("Mine", 777)


@pytest.mark.parametrize("kind", KINDS_OF_FIGURES)
def test_one_trial_is_enough(make, kind):
    experiment = make([results({"loss": 1.0, "gain": 2.0})], objectives=TWO)

    figure = experiment.plot(kind=kind, **QUICK.get(kind, {}))

    assert len(figure.data) > 0


@pytest.mark.parametrize("kind", KINDS_OF_FIGURES)
def test_words_of_users_are_not_taken_for_markup(make, kind):
    experiment = make(
        [results({"<p>": 1.0, "q": 2.0}), results({"<p>": 2.0, "q": 1.0})],
        name="<b>",
        space={"x<i>": "choices(['<u>', '<s>'])"},
        objectives=["<p>", "q"],
    )

    shown = str(experiment.plot(kind=kind, **QUICK.get(kind, {})).to_dict())

    assert "&lt;b&gt;" in shown
    assert not [word for word in ("<b>", "<i>", "<u>", "<s>", "<p>") if word in shown]


# --- regret -------------------------------------------------------------------------------------


def test_regret_shows_the_trials_and_the_best_so_far(experiment):
    trials, best = regret(experiment).data

    assert (trials.name, trials.mode) == ("trials", "markers")
    assert list(trials.y) == [4.0, 6.0, 3.0, 5.0, 1.0, 2.0]
    assert (best.name, best.mode) == ("best-to-date", "lines")
    assert list(best.y) == [4.0, 4.0, 3.0, 3.0, 1.0, 1.0]


def test_regret_of_what_is_maximized_goes_up(make):
    results = [[{"name": "accuracy", "type": "objective", "value": v}] for v in (0.1, 0.3, 0.2)]
    figure = regret(make(results, objectives=["accuracy:maximize"]))

    assert list(figure.data[1].y) == [0.1, 0.3, 0.3]
    assert figure.layout.yaxis.title.text == "accuracy"


def test_of_several_objectives_the_first_declared_one_is_drawn(make):
    def results(first, second):
        return [{"name": "second", "type": "objective", "value": second},
                {"name": "first", "type": "objective", "value": first}]  # fmt: skip

    experiment = make([results(3.0, 8.0), results(1.0, 9.0)], objectives=["first", "second"])

    figure = regret(experiment)

    assert list(figure.data[0].y) == [3.0, 1.0]
    assert figure.layout.yaxis.title.text == "first"


def test_infeasible_trials_are_marked_and_never_the_best(make):
    experiment = make(
        [results({"loss": 3.0}, 1.0), results({"loss": 1.0}, -1.0), results({"loss": 2.0}, 0.0)]
    )

    trials, best = regret(experiment).data

    assert list(best.y) == [3.0, 3.0, 2.0]
    assert best.y[-1] == experiment.stats.best_evaluation
    assert list(trials.marker.symbol) == ["circle", "x-thin-open", "circle"]
    assert "feasible: no" in trials.hovertext[1]


def test_regret_shows_the_least_infeasible_trial_until_one_is_feasible(make):
    slacks = [-2.0, -1.0, -3.0, 0.0, -0.5]
    experiment = make([results({"loss": 5.0 - n}, slack) for n, slack in enumerate(slacks)])

    _, least, best = regret(experiment).data

    assert (least.name, least.line.dash) == ("least infeasible", "dot")
    assert list(least.y) == [5.0, 4.0, 4.0, 2.0]
    assert [y for y in best.y if y == y] == [2.0, 2.0]


def test_regret_ends_with_the_best_trial_when_none_is_feasible(make):
    experiment = make([results({"loss": 1.0}, -2.0), results({"loss": 2.0}, -1.0)])

    _, least, best = regret(experiment).data

    assert list(least.y) == [1.0, experiment.stats.best_evaluation]
    assert least.customdata[-1] == experiment.best_trial.id
    assert not [y for y in best.y if y == y]


def test_any_objective_can_be_shown_in_its_direction(of_two):
    _, best = regret(of_two, objective="gain").data

    assert list(best.y) == [6.0, 6.0, 6.0, 6.0]
    assert regret(of_two, objective="gain").layout.yaxis.title.text == "gain"


@pytest.mark.parametrize(
    "figure", [regret, parallel_coordinates, lpi, partial_dependencies, regrets, rankings]
)
def test_an_unknown_objective_is_refused_with_the_closest_one(of_two, figure):
    with pytest.raises(ObjectiveError, match=r"has loss, gain \(did you mean 'gain'\?\)"):
        figure(of_two, objective="gian")


def test_trials_can_be_ordered_by_their_end(make_timed):
    experiment = make_timed((0, 9, 1.0), (1, 5, 2.0))

    by_start = regret(experiment, order_by="reserved")
    by_end = regret(experiment, order_by="completed")

    assert list(by_start.data[0].y) == [1.0, 2.0]
    assert list(by_end.data[0].y) == [2.0, 1.0]
    assert by_end.layout.xaxis.title.text == "Trials ordered by completed time"


def test_an_unknown_order_is_refused_with_the_closest_one(experiment):
    with pytest.raises(ValueError, match="did you mean 'suggested'"):
        regret(experiment, order_by="sugested")


def test_labels_tell_all_about_a_trial_or_only_its_objective(experiment):
    trial = experiment.fetch_trials()[0]

    long = regret(experiment).data[0].hovertext[0]
    short = regret(experiment, verbose_hover=False).data[0].hovertext[0]

    assert short == f"ID: {trial.id}<br>objective: 4"
    assert long.startswith(short)
    assert f"net.layers: {trial.params['net']['layers']}" in long


def test_trials_without_results_are_left_out(make):
    experiment = make([1.0])
    experiment.suggest()
    experiment.release(experiment.suggest(), "broken")

    assert len(regret(experiment).data[0].y) == 1


# --- parallel coordinates -----------------------------------------------------------------------


def test_coordinates_are_the_elements_of_dimensions_and_then_the_objective(experiment):
    (lines,) = parallel_coordinates(experiment).data

    labels = [dimension.label for dimension in lines.dimensions]
    assert labels == ["lr", "momentum", "net.layers", "optimizer", "w[0]", "w[1]", "objective"]
    assert list(lines.dimensions[-1].values) == [4.0, 6.0, 3.0, 5.0, 1.0, 2.0]
    assert all(len(dimension.values) == 6 for dimension in lines.dimensions)


def test_coordinates_can_be_chosen_and_ordered(experiment):
    (lines,) = parallel_coordinates(experiment, order=["w", "lr"]).data

    assert [d.label for d in lines.dimensions] == ["w[0]", "w[1]", "lr", "objective"]


def test_an_unknown_coordinate_is_refused(experiment):
    with pytest.raises(ValueError, match="no dimension 'learning_rate'"):
        parallel_coordinates(experiment, order=["learning_rate"])


def test_categories_and_logarithms_have_ticks_with_their_values(experiment):
    (lines,) = parallel_coordinates(experiment, order=["optimizer", "lr"]).data

    optimizer, lr, _ = lines.dimensions
    assert dict(zip(optimizer.tickvals, optimizer.ticktext, strict=True)) == {
        0.0: "sgd", 1.0: "&lt;adam&gt;",
    }  # fmt: skip
    assert dict(zip(lr.tickvals, lr.ticktext, strict=True))[-3.0] == "0.001"
    assert list(lr.range) == [-5.0, 0.0]


def test_values_that_are_inactive_stand_below_the_others(experiment):
    (lines,) = parallel_coordinates(experiment, order=["momentum"]).data

    momentum = lines.dimensions[0]
    ticks = dict(zip(momentum.ticktext, momentum.tickvals, strict=True))
    expected = [t.flat_params.get("momentum", ticks["inactive"]) for t in experiment.fetch_trials()]
    assert ticks["inactive"] < 0
    assert ticks["inactive"] in expected
    assert list(momentum.values) == expected


def test_good_trials_have_the_same_colour_in_either_direction(make):
    lowest = parallel_coordinates(make([1.0, 2.0])).data[0].line
    highest = parallel_coordinates(make([1.0, 2.0], objectives=["o:maximize"])).data[0].line

    assert (lowest.reversescale, highest.reversescale) == (False, True)


# --- importance and dependence ------------------------------------------------------------------


def test_importance_has_a_bar_with_an_error_for_each_parameter(experiment):
    (bars,) = lpi(experiment, **QUICK["lpi"]).data

    assert list(bars.x) == ["lr", "momentum", "net.layers", "optimizer", "w[0]", "w[1]"]
    assert sum(bars.y) == pytest.approx(1)
    assert len(bars.error_y.array) == 6


def test_importance_looks_at_the_best_trial_of_the_declared_direction(make):
    space = {"side": "uniform(0, 1)", "x": "uniform(0, 1)", "y": "uniform(0, 1)"}
    experiment = make(space=space, objectives=["o:maximize"])
    for _ in range(60):
        trial = experiment.suggest()
        side, x, y = (trial.params[name] for name in space)
        experiment.observe(trial, y + 10 if side > 0.5 else x - 10)

    (bars,) = lpi(experiment, n_runs=1).data

    importance = dict(zip(bars.x, bars.y, strict=True))
    assert importance["y"] > 10 * importance["x"]


def test_dependence_has_a_panel_for_each_parameter_and_each_pair(make):
    experiment = make([1.0, 2.0, 3.0], space=dict.fromkeys("abc", "uniform(0, 1)"))

    figure = partial_dependencies(experiment, **QUICK["partial_dependencies"])

    contours = traces(figure, "contour")
    assert len(contours) == 3
    assert [contour.showscale for contour in contours] == [True, False, False]
    assert len({(contour.zmin, contour.zmax) for contour in contours}) == 1
    titles = [axis.title.text for axis in figure.select_xaxes() if axis.title.text]
    assert titles == ["a", "b", "c"]


def test_dependence_on_categories_is_drawn_by_categories(experiment):
    figure = partial_dependencies(
        experiment, params=["lr", "optimizer"], **QUICK["partial_dependencies"]
    )

    (heatmap,) = traces(figure, "heatmap")
    assert list(heatmap.y) == ["sgd", "&lt;adam&gt;"]
    assert len(heatmap.z) == 2
    assert figure.layout.xaxis.type == "log"


def test_dependence_draws_only_the_trials_in_which_a_parameter_is_active(experiment):
    figure = partial_dependencies(experiment, params=["momentum"], **QUICK["partial_dependencies"])

    active = [t for t in experiment.fetch_trials() if "momentum" in t.flat_params]
    dots = figure.data[-1]
    assert list(dots.x) == [t.flat_params["momentum"] for t in active]
    assert list(dots.y) == [t.objective.value for t in active]


def test_of_very_many_trials_dependence_draws_a_part(make, monkeypatch):
    monkeypatch.setattr("orion_like.plotting.dependence_matrix.MAX_DOTS", 9)
    experiment = make(map(float, range(20)), space={"x": "uniform(0, 1)", "y": "uniform(0, 1)"})

    figure = partial_dependencies(experiment, **QUICK["partial_dependencies"])

    dots = [trace for trace in traces(figure, "scatter") if trace.hovertext is not None]
    assert [len(trace.x) for trace in dots] == [3, 3, 3]
    assert list(dots[0].y) == [0.0, 9.0, 19.0]


# --- the way to them ----------------------------------------------------------------------------


def test_a_client_draws_its_regret_by_default(experiment):
    assert experiment.plot() == experiment.plot.regret() == regret(experiment)


def test_each_kind_is_a_method_and_a_name(experiment):
    for kind in set(KINDS_OF_FIGURES).difference(OF_SEVERAL_OBJECTIVES):
        by_name = experiment.plot(kind=kind, **QUICK.get(kind, {}))
        by_method = getattr(experiment.plot, kind)(**QUICK.get(kind, {}))
        assert by_name.layout.title == by_method.layout.title


def test_an_unknown_kind_is_refused_with_the_closest_one(experiment):
    with pytest.raises(ValueError, match="did you mean 'regret'"):
        experiment.plot(kind="regrets")


def test_an_accessor_needs_an_experiment():
    with pytest.raises(ValueError, match="not None"):
        PlotAccessor(None)


def test_the_command_line_knows_the_same_kinds():
    assert sorted(KINDS) == KINDS_OF_FIGURES


def test_every_figure_is_handed_on_by_the_package():
    assert set(plotting.PLOT_METHODS) <= set(plotting.__all__)
    assert all(inspect.isfunction(getattr(plotting, name)) for name in plotting.PLOT_METHODS)


# --- several objectives ---------------------------------------------------------------------------


def test_the_front_is_told_from_dominated_and_infeasible_trials(of_two):
    infeasible, dominated, front, border = pareto_front(of_two).data

    assert (list(infeasible.x), list(infeasible.y)) == ([0.0], [9.0])
    assert (list(dominated.x), list(dominated.y)) == ([3.0], [5.0])
    assert (list(front.x), list(front.y)) == ([3.0, 1.0], [6.0, 4.0])
    assert (list(border.x), list(border.y)) == ([1.0, 3.0], [4.0, 6.0])
    assert "feasible: no" in infeasible.hovertext[0]
    ids = [trial.id for trial in of_two.pareto_front()]
    assert [label for label in front.hovertext if ids[0] in label or ids[1] in label]


def test_the_axes_of_the_front_are_the_objectives(of_two):
    layout = pareto_front(of_two).layout

    assert (layout.xaxis.title.text, layout.yaxis.title.text) == ("loss", "gain")


@pytest.mark.parametrize(("count", "kind"), [(3, "scatter3d"), (4, "splom")])
def test_more_than_two_objectives_are_shown_in_space_and_in_all_planes(make, count, kind):
    names = list("abcd"[:count])
    experiment = make(
        [results(dict.fromkeys(names, 1.0)), results(dict.fromkeys(names, 2.0))], objectives=names
    )

    figure = pareto_front(experiment)

    assert [trace.name for trace in traces(figure, kind)] == ["dominated", "Pareto front"]
    assert len(pareto_front(experiment, objectives=["b", "c"]).data) == 2


def test_the_hypervolume_grows_with_the_feasible_trials_of_the_front(of_two):
    figure = hypervolume_history(of_two, reference_point=[4.0, 3.0])

    assert list(figure.data[0].y) == [3.0, 3.0, 5.0, 5.0]
    assert figure.layout.yaxis.title.text == "Hypervolume up to loss 4, gain 3"


def test_the_hypervolume_ends_with_that_of_the_statistics(of_two):
    (history,) = hypervolume_history(of_two).data

    assert history.y[-1] == pytest.approx(of_two.hypervolume())


@pytest.mark.parametrize("kind", OF_SEVERAL_OBJECTIVES)
def test_one_objective_has_no_front(experiment, kind):
    with pytest.raises(ObjectiveError, match="has one objective, 'objective'"):
        experiment.plot(kind=kind)


def test_a_front_needs_two_objectives_that_are_known(of_two):
    with pytest.raises(ObjectiveError, match="two objectives or more"):
        pareto_front(of_two, objectives=["loss"])
    with pytest.raises(ObjectiveError, match="no objective 'gian'"):
        pareto_front(of_two, objectives=["loss", "gian"])


def test_coordinates_have_an_axis_for_each_objective(of_two):
    (lines,) = parallel_coordinates(of_two, order=["lr"], objective="loss").data

    assert [axis.label for axis in lines.dimensions] == ["lr", "gain", "loss"]
    assert list(lines.line.color) == [3.0, 3.0, 1.0, 0.0]


def test_importance_of_trials_that_are_all_infeasible_is_that_near_the_least_infeasible(make):
    # The regressor sees that only x matters below 0.5, where the least infeasible trial is.
    space = {"x": "uniform(0, 1)", "y": "uniform(0, 1)"}
    experiment = make(space=space)
    rng = np.random.default_rng(0)
    for n in range(40):
        x, y = rng.random(2)
        value = 10 * x if x < 0.5 else -20 - 10 * y
        slack = -0.1 if n == 7 else -1.0
        point = {"x": 0.2 if n == 7 else x, "y": y}
        experiment.insert(point, results({"loss": 2.0 if n == 7 else value}, slack))

    bars = lpi(experiment, **QUICK["lpi"]).data[0]

    assert dict(zip(bars.x, bars.y, strict=True))["x"] > 0.5


# --- libraries ----------------------------------------------------------------------------------


def test_without_plotly_the_error_says_how_to_get_it(monkeypatch, experiment):
    for name in [name for name in sys.modules if name.partition(".")[0] == "plotly"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "plotly", None)

    with pytest.raises(OrionLikeError, match=r"needs plotly, .*pip install 'orion_like\[plot\]'"):
        experiment.plot.regret()


def test_importing_the_figures_does_not_load_plotly():
    code = "import sys, orion_like.plotting.base; print({'pandas', 'plotly'} & set(sys.modules))"

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "set()"
