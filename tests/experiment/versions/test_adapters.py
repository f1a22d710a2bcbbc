"""What a trial of one version is in the next one, and back."""

import json

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orion_like.errors import CorruptedDatabaseError
from orion_like.experiment.versions import (
    ADAPTERS,
    Branching,
    Resolutions,
    adapt_backward,
    adapt_forward,
    find_conflicts,
    read_adapters,
)
from orion_like.space import build_space
from orion_like.trial import Trial

Y = {"name": "y", "type": "real", "value": 0.5}
NO_DEFAULT = {"name": "y", "type": "real", "value": None}
NARROWED = {"name": "x", "old_prior": "uniform(0, 1)", "new_prior": "uniform(0, 0.5)"}
DOCUMENTS = [
    {"of_type": "dimensionaddition", "param": Y},
    {"of_type": "dimensionaddition", "param": NO_DEFAULT},
    {"of_type": "dimensiondeletion", "param": Y},
    {"of_type": "dimensiondeletion", "param": NO_DEFAULT},
    {"of_type": "dimensionpriorchange", **NARROWED},
    {"of_type": "dimensionrenaming", "old_name": "x", "new_name": "rate"},
    {"of_type": "algorithmchange"},
    {"of_type": "orionversionchange"},
    *(
        {"of_type": of_type, "change_type": change_type}
        for of_type in ("codechange", "commandlinechange", "scriptconfigchange")
        for change_type in ("noeffect", "unsure", "break")
    ),
]


def point(**values):
    return Trial(
        params=[{"name": n, "type": "real", "value": v} for n, v in sorted(values.items())]
    )


def forward(document, **values):
    adapted = adapt_forward(point(**values), read_adapters([document]))
    return None if adapted is None else adapted.params


def backward(document, **values):
    adapted = adapt_backward(point(**values), read_adapters([document]))
    return None if adapted is None else adapted.params


def test_a_new_dimension_has_its_default_value_in_old_trials():
    addition = {"of_type": "dimensionaddition", "param": Y}

    assert forward(addition, x=0.25) == {"x": 0.25, "y": 0.5}
    assert backward(addition, x=0.25, y=0.5) == {"x": 0.25}
    assert backward(addition, x=0.25, y=0.6) is None


def test_old_trials_with_the_default_value_of_a_removed_dimension_stay():
    deletion = {"of_type": "dimensiondeletion", "param": Y}

    assert forward(deletion, x=0.25, y=0.5) == {"x": 0.25}
    assert forward(deletion, x=0.25, y=0.6) is None
    assert backward(deletion, x=0.25) == {"x": 0.25, "y": 0.5}


@pytest.mark.parametrize("of_type", ["dimensionaddition", "dimensiondeletion"])
def test_without_a_default_value_no_trial_passes_a_new_or_removed_dimension(of_type):
    adapter = {"of_type": of_type, "param": NO_DEFAULT}

    assert forward(adapter, x=0.25, y=0.5) is None
    assert backward(adapter, x=0.25, y=0.5) is None


def test_trials_pass_another_prior_if_it_allows_their_value():
    change = {"of_type": "dimensionpriorchange", **NARROWED}

    assert forward(change, x=0.25) == {"x": 0.25}
    assert forward(change, x=0.75) is None
    assert backward(change, x=0.75) == {"x": 0.75}
    assert backward(change, x=1.5) is None


def test_a_prior_of_another_type_gives_its_type_to_the_values():
    change = {**NARROWED, "of_type": "dimensionpriorchange", "old_prior": "choices([0, 0.25])"}
    trial = Trial(params=[{"name": "x", "type": "categorical", "value": 0.25}])

    adapted = adapt_forward(trial, read_adapters([change]))

    assert adapted.to_dict()["params"] == [{"name": "x", "type": "real", "value": 0.25}]
    assert adapt_backward(adapted, read_adapters([change])).to_dict() == trial.to_dict()


def test_a_renamed_dimension_keeps_its_value_and_the_trial_gets_the_id_of_its_new_names():
    renaming = {"of_type": "dimensionrenaming", "old_name": "x", "new_name": "rate"}

    adapted = adapt_forward(point(x=0.25), read_adapters([renaming]))

    assert adapted.params == {"rate": 0.25}
    assert adapted.id == point(rate=0.25).id
    assert backward(renaming, rate=0.25) == {"x": 0.25}


@pytest.mark.parametrize("of_type", ["algorithmchange", "orionversionchange"])
def test_all_trials_pass_a_change_that_results_do_not_depend_on(of_type):
    assert forward({"of_type": of_type}, x=0.25) == {"x": 0.25}
    assert backward({"of_type": of_type}, x=0.25) == {"x": 0.25}


@pytest.mark.parametrize("of_type", ["codechange", "commandlinechange", "scriptconfigchange"])
@pytest.mark.parametrize(
    ("change_type", "is_seen_later", "is_seen_before"),
    [("noeffect", True, True), ("unsure", True, False), ("break", False, False)],
)
def test_what_is_run_lets_trials_pass_as_the_user_says(
    of_type, change_type, is_seen_later, is_seen_before
):
    change = {"of_type": of_type, "change_type": change_type}

    assert (forward(change, x=0.25) is not None) is is_seen_later
    assert (backward(change, x=0.25) is not None) is is_seen_before


def test_adapting_leaves_the_trial_itself_alone():
    trial = point(x=0.25)
    before = trial.to_dict()

    adapt_forward(trial, read_adapters([DOCUMENTS[0], {**DOCUMENTS[5]}]))

    assert trial.to_dict() == before


@pytest.mark.parametrize("document", DOCUMENTS, ids=json.dumps)
def test_adapters_are_stored_as_orion_stores_them(document):
    (adapter,) = read_adapters([document])

    assert adapter.to_document() == document
    assert {read["of_type"] for read in DOCUMENTS} == set(ADAPTERS)


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([{"of_type": "dimensionadition", "param": Y}], "did you mean 'dimensionaddition'"),
        ([{"of_type": "codechange", "change_type": "huge"}], "noeffect, unsure, break"),
        ([{"of_type": "dimensionrenaming", "old_name": "x"}], "new_name"),
        ([{"of_type": "dimensionaddition", "param": {"type": "odd"}}], "odd"),
        (["codechange"], "an adapter is"),
        ("codechange", "adapters are a list"),
    ],
)
def test_a_damaged_adapter_is_named(documents, message):
    with pytest.raises(CorruptedDatabaseError, match=message):
        read_adapters(documents)


# --- properties -----------------------------------------------------------------------------------

OLD = {"x": "uniform(0, 1)", "gone": "uniform(0, 1, default_value=0.25)"}
NEW = {"rate": "uniform(0, 0.5)", "added": "choices(['a', 'b'], default_value='b')"}
CHAIN = [
    {"of_type": "dimensionrenaming", "old_name": "x", "new_name": "rate"},
    {
        "of_type": "dimensionpriorchange",
        "name": "rate",
        "old_prior": "uniform(0, 1)",
        "new_prior": "uniform(0, 0.5)",
    },
    {"of_type": "dimensiondeletion", "param": {"name": "gone", "type": "real", "value": 0.25}},
    {
        "of_type": "dimensionaddition",
        "param": {"name": "added", "type": "categorical", "value": "b"},
    },
    {"of_type": "codechange", "change_type": "noeffect"},
    {"of_type": "algorithmchange"},
]
unit = st.floats(0, 1)


@given(x=unit, gone=st.one_of(unit, st.just(0.25)))
def test_what_passes_forward_lies_in_the_new_space_and_comes_back_the_same(x, gone):
    old, new, chain = build_space(OLD), build_space(NEW), read_adapters(CHAIN)
    trial = Trial(params=old.to_document({"x": x, "gone": gone}))

    adapted = adapt_forward(trial, chain)

    assert (adapted is not None) == (x <= 0.5 and gone == 0.25)
    if adapted is not None:
        assert adapted in new
        assert adapt_backward(adapted, chain).to_dict() == trial.to_dict()


@given(rate=st.floats(0, 0.5), added=st.sampled_from("ab"))
def test_what_passes_backward_lies_in_the_old_space_and_comes_back_the_same(rate, added):
    old, new, chain = build_space(OLD), build_space(NEW), read_adapters(CHAIN)
    trial = Trial(params=new.to_document({"rate": rate, "added": added}))

    adapted = adapt_backward(trial, chain)

    assert (adapted is not None) == (added == "b")
    if adapted is not None:
        assert adapted in old
        assert adapt_forward(adapted, chain).to_dict() == trial.to_dict()


PRIORS = st.sampled_from(
    [
        "uniform(0, 1)",
        "uniform(0, 1, default_value=0.5)",
        "uniform(0.25, 2, default_value=1)",
        "loguniform(0.1, 10, default_value=0.5)",
        "uniform(0, 5, discrete=True, default_value=2)",
        "choices(['a', 'b'], default_value='b')",
        "choices([0, 0.5, 1])",
    ]
)
SPACES = st.dictionaries(st.sampled_from("wxyz"), PRIORS, min_size=1)


@given(old=SPACES, new=SPACES, seed=st.integers(0, 99), rename=st.booleans())
def test_between_any_two_spaces_trials_that_pass_lie_in_the_other_one_and_come_back(
    old, new, seed, rename
):
    names = [sorted(old.keys() - new.keys()), sorted(new.keys() - old.keys())]
    is_renamed = rename and all(names)
    markers = {names[0][0]: f">{names[1][0]}"} if is_renamed else {}
    resolutions = Resolutions(
        find_conflicts({"space": old}, {"space": new}), Branching(markers=markers), "demo"
    )
    resolutions.apply_markers_and_options()
    resolutions.auto()
    space = build_space(old)
    params = space.sample(numpy.random.default_rng(seed))
    defaults = {n: d.default_value for n, d in space.items() if d.has_default and seed % 2}
    trial = Trial(params=space.to_document({**params, **defaults}))

    adapted = adapt_forward(trial, resolutions.adapters)

    assert not resolutions.unresolved
    assert read_adapters([a.to_document() for a in resolutions.adapters]) == resolutions.adapters
    if adapted is not None:
        assert adapted in build_space(new)
        assert adapt_backward(adapted, resolutions.adapters).to_dict() == trial.to_dict()
