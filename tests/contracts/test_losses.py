"""What every arrow promises, asked of every option in conf/loss/ and every file in retrieval_kd/losses/ as it comes."""

import importlib
import inspect
import itertools
import re
from collections.abc import Callable, Collection
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

from retrieval_kd.app.plan.instantiate import build
from retrieval_kd.app.plan.roles import with_roles_named
from retrieval_kd.batch.candidates import StepWeights
from retrieval_kd.losses.objective import Objective
from retrieval_kd.losses.term import Term
from tests.contracts import made_steps as steps
from tests.contracts.made_steps import Step
from tests.contracts.options import file_of, forms, names, option
from tests.house.tree import PACKAGE

# the files of the room that are no loss
FRAME = {"__init__", "contradictions", "largest", "mean", "objective", "shuffle", "guided", "term"}


@cache
def objective(name: str) -> Objective:
    """An option built alone with every term in it, those that it switches off too; the word `teacher` names a role."""
    every = {arrow: {**term, "weight": term["weight"] or 1.0} for arrow, term in node(name)["terms"].items()}
    made = build({**node(name), "terms": every}, "loss")
    assert isinstance(made, Objective)
    return made


def node(name: str) -> dict[str, Any]:
    loss: dict[str, Any] = with_roles_named({"loss": option("loss", name), "teacher": {"the_teacher": {}}})["loss"]
    return loss


def arrows() -> list[Any]:
    return [pytest.param(name, term, id=f"{name}.{term}") for name in names("loss") for term in node(name)["terms"]]


def term_of(name: str, term: str) -> Term:
    named_term = objective(name).terms[term]
    assert isinstance(named_term, Term)
    return named_term


def pure_function(term: Term) -> Callable[..., Tensor]:
    """The function beside a Term that has its file's name."""
    module = type(term).__module__
    function: Callable[..., Tensor] = getattr(importlib.import_module(module), module.rpartition(".")[2])
    return function


def follows(term: Term) -> bool:
    """Whether a term's function compares with a guide's numbers, so that it has a least value; labels only order."""
    return (
        term.guide is not None and {"guide", "second"} & set(inspect.signature(pure_function(term)).parameters) != set()
    )


def guided() -> list[Any]:
    return [param for param in arrows() if follows(term_of(*param.values))]


def alike() -> list[Any]:
    """Guided terms that read the same features of both sides, so that a learner can be its guide."""
    wants = [(param, term_of(*param.values)) for param in guided()]
    seen = [(param, [{one.feature for one in of} for of in term.wants(0).values()]) for param, term in wants]
    return [param for param, features in seen if all(each == features[0] for each in features)]


def gradients(term: Term, made: Step) -> dict[str, list[Tensor | None]]:
    """The gradient of the loss in every leaf, by role."""
    wanted = {role: steps.leaves(shown) for role, shown in made.views.items()}
    flat = iter(torch.autograd.grad(steps.value(term, made), [*itertools.chain(*wanted.values())], allow_unused=True))
    return {role: [next(flat) for _ in tensors] for role, tensors in wanted.items()}


def changed(made: Step, change: Callable[[Tensor], Tensor], roles: Collection[str] | None = None) -> Step:
    """The step with the views of some roles (None: of all) changed."""
    chosen = made.views if roles is None else roles
    views = {role: steps.changed(shown, change) if role in chosen else shown for role, shown in made.views.items()}
    return made._replace(views=views)


def in_float32(made: Step) -> Step:
    step_weights = made.batch.step_weights
    assert step_weights is not None
    single = StepWeights(step_weights.keep, step_weights.query_weight.float(), step_weights.labels.float())
    return changed(made, Tensor.float)._replace(batch=made.batch.weighted(single))


@pytest.mark.parametrize("name", names("loss"))
def test_an_option_composes_and_binds_every_argument_both_ways(name: str) -> None:
    for where, form in forms(node(name), name):
        module, _, kind = form["_target_"].rpartition(".")
        wanted = set(inspect.signature(getattr(importlib.import_module(module), kind)).parameters)
        assert set(form) - {"_target_"} == wanted, where
    assert set(objective(name).terms) == set(node(name)["terms"])


@pytest.mark.parametrize("name", names("loss"))
def test_an_option_begins_with_a_comment_that_says_what_it_is(name: str) -> None:
    first = file_of("loss", name).read_text(encoding="utf-8").splitlines()[0]
    assert re.match(r"# \w.{15}", first), "the first line tells a newcomer what the loss does"


@pytest.mark.parametrize(("name", "arrow"), arrows())
def test_what_is_wanted_depends_on_the_step_alone(name: str, arrow: str) -> None:
    term = term_of(name, arrow)
    wants = [dict(term.wants(step)) for step in range(5)]
    torch.manual_seed(1)
    assert wants == [dict(term.wants(step)) for step in range(5)]
    assert all(set(wanted) <= term.roles for wanted in wants)
    assert all(term.learner in wanted for wanted in wants)


def one_candidate(term: Term) -> Step:
    return steps.step(term, listed=1)


def nothing(term: Term) -> Step:
    return steps.step(term, empty=True)


def equal(term: Term) -> Step:
    return changed(steps.step(term), torch.zeros_like)


def huge(term: Term) -> Step:
    return changed(steps.step(term), lambda tensor: 1e4 * tensor.sign())


def opposed(term: Term) -> Step:
    return changed(huge(term), torch.neg, {term.learner})


@pytest.mark.parametrize("situation", [steps.step, one_candidate, nothing, equal, huge, opposed])
@pytest.mark.parametrize(("name", "arrow"), arrows())
def test_a_term_is_finite_and_differentiable_in_float32(
    name: str, arrow: str, situation: Callable[[Term], Step]
) -> None:
    term, made = term_of(name, arrow), in_float32(situation(term_of(name, arrow)))
    loss = steps.value(term, made)
    assert loss.shape == ()
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    assert loss.requires_grad
    numbers = [gradient for of_role in gradients(term, made).values() for gradient in of_role if gradient is not None]
    assert all(bool(gradient.isfinite().all()) for gradient in numbers)


@pytest.mark.parametrize(("name", "arrow"), arrows())
def test_without_any_valid_item_a_term_is_0_with_a_graph(name: str, arrow: str) -> None:
    term = term_of(name, arrow)
    loss = steps.value(term, nothing(term))
    assert loss.item() == 0
    assert loss.requires_grad


@pytest.mark.parametrize(("name", "arrow"), arrows())
def test_half_precision_views_give_a_loss_in_float32(name: str, arrow: str) -> None:
    term = term_of(name, arrow)
    made = changed(in_float32(steps.step(term)), Tensor.bfloat16)
    assert steps.value(term, made).dtype == torch.float32


@pytest.mark.parametrize(("name", "arrow"), arrows())
def test_gradient_reaches_the_learner_and_a_guide_only_where_the_option_says_so(name: str, arrow: str) -> None:
    term = term_of(name, arrow)
    moved = {
        role: any(gradient is not None and bool(gradient.abs().sum() > 0) for gradient in of_role)
        for role, of_role in gradients(term, steps.step(term)).items()
    }
    assert moved[term.learner]
    if term.guide is not None:
        assert moved[term.guide] is not term.detach_guide
    assert not any(there for role, there in moved.items() if role not in term.roles)


@pytest.mark.parametrize(("name", "arrow"), arrows())
def test_an_absent_candidate_changes_nothing_whatever_its_score(name: str, arrow: str) -> None:
    term = term_of(name, arrow)
    made = steps.step(term)
    query, candidate = steps.ABSENT
    column = query % steps.PER_POOL * steps.LISTED + candidate
    pool = slice(query // steps.PER_POOL * steps.PER_POOL, (query // steps.PER_POOL + 1) * steps.PER_POOL)

    def anything(to: float) -> Callable[[Tensor], Tensor]:
        def change(tensor: Tensor) -> Tensor:
            if steps.is_list(tensor):
                tensor[query, candidate] = to
            elif steps.is_pool(tensor):
                tensor[pool, column] = to
            return tensor

        return change

    # a guide that is a file has no score at all for what is absent
    other = changed(changed(made, anything(1e4), {term.learner}), anything(torch.nan), term.roles - {term.learner})
    assert_same(term, made, other)


@pytest.mark.parametrize(("name", "arrow"), arrows())
def test_a_candidate_that_the_curriculum_drops_changes_nothing_in_its_own_row(name: str, arrow: str) -> None:
    term = term_of(name, arrow)
    step_weights = steps.batch().step_weights
    assert step_weights is not None
    keep = step_weights.keep.clone()
    keep[steps.DROPPED] = False
    made = steps.step(term)
    made = made._replace(batch=made.batch.weighted(step_weights._replace(keep=keep)))
    query, candidate = steps.DROPPED
    column = query % steps.PER_POOL * steps.LISTED + candidate

    def anything(tensor: Tensor) -> Tensor:
        if steps.is_list(tensor):
            tensor[query, candidate] = -1e4
        elif steps.is_pool(tensor):
            tensor[query, column] = -1e4
        return tensor

    assert_same(term, made, changed(made, anything))


def assert_same(term: Term, made: Step, other: Step) -> None:
    """Equal loss, equal gradients where neither is at a changed place, and none of them broken."""
    torch.testing.assert_close(steps.value(term, other), steps.value(term, made), rtol=1e-12, atol=1e-12)
    for role, of_role in gradients(term, other).items():
        for one, two in zip(of_role, gradients(term, made)[role], strict=True):
            if one is not None and two is not None:
                torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("name", "arrow"), arrows())
def test_the_order_of_candidates_changes_nothing(name: str, arrow: str) -> None:
    term = term_of(name, arrow)
    made = steps.step(term)
    order = torch.tensor([[2, 0, 1], [0, 2, 1], [1, 2, 0], [1, 0, 2]])
    torch.testing.assert_close(
        steps.value(term, steps.permuted(made, order)), steps.value(term, made), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize(("name", "arrow"), arrows())
def test_a_constant_added_to_all_of_a_query_s_scores_changes_only_what_reads_them_as_they_stand(
    name: str, arrow: str
) -> None:
    term = term_of(name, arrow)
    made = steps.step(term)

    def shifted(tensor: Tensor) -> Tensor:
        scores = tensor.dim() == 2 and (steps.is_list(tensor) or steps.is_pool(tensor))
        return tensor + torch.tensor([3.0, -7.0, 0.5, 11.0], dtype=tensor.dtype)[:, None] if scores else tensor

    for role in term.roles:
        moved, plain = steps.value(term, changed(made, shifted, {role})), steps.value(term, made)
        assert torch.isclose(moved, plain).item() is not term.absolute


@pytest.mark.parametrize(("name", "arrow"), alike())
def test_a_guided_term_is_least_where_the_learner_is_the_guide_each_by_its_temperature(name: str, arrow: str) -> None:
    term, option_of_it = term_of(name, arrow), node(name)["terms"][arrow]
    assert term.guide is not None
    ratio = option_of_it.get("learner_temperature", 1.0) / option_of_it.get("guide_temperature", 1.0)
    made = steps.step(term)
    softened = {2: lambda scores: scores * ratio, 4: lambda shares: shares**ratio}  # shares: of words in attention
    there = [softened.get(leaf.dim(), Tensor.clone)(leaf.detach()) for leaf in steps.leaves(made.views[term.guide])]

    def at(numbers: list[Tensor]) -> Step:
        own = [number.clone().requires_grad_() for number in numbers]
        return made._replace(views={**made.views, term.learner: steps.holding(made.views[term.learner], own)})

    least = steps.value(term, at(there)).item()
    assert least == pytest.approx(0, abs=1e-12)
    gradient = gradients(term, at(there))[term.learner]
    assert all(part is not None and bool((part.abs() < 1e-9).all()) for part in gradient)
    chance = torch.Generator().manual_seed(5)
    for size in (0.01, 0.1, 1.0):
        away = [leaf + size * torch.rand(leaf.shape, generator=chance, dtype=leaf.dtype) for leaf in there]
        assert steps.value(term, at(away)).item() > least


@pytest.mark.slow
@pytest.mark.parametrize(("name", "arrow"), arrows())
def test_the_gradient_in_the_learner_is_that_of_finite_differences(name: str, arrow: str) -> None:
    term = term_of(name, arrow)
    made = steps.step(term)
    shown = made.views[term.learner]

    def loss(*numbers: Tensor) -> Tensor:
        return steps.value(term, (made.batch, {**made.views, term.learner: steps.holding(shown, numbers)}))

    assert torch.autograd.gradcheck(loss, tuple(steps.leaves(shown)), eps=1e-6, atol=1e-6)


@pytest.mark.parametrize(("name", "arrow"), arrows())
def test_a_paced_term_is_a_mean_weighted_by_pace_and_another_does_not_hear_it(name: str, arrow: str) -> None:
    term = term_of(name, arrow)
    made = steps.step(term)

    def at(*query_weight: float) -> Tensor:
        assert made.batch.step_weights is not None
        step_weights = made.batch.step_weights._replace(query_weight=torch.tensor(query_weight, dtype=torch.float64))
        return steps.value(term, made._replace(batch=made.batch.weighted(step_weights)))

    everyone = at(1, 1, 1, 1)
    torch.testing.assert_close(at(0.25, 0.25, 0.25, 0.25), everyone)
    assert (at(3, 1, 2, 0.5).item() != pytest.approx(everyone.item())) is term.paced
    if term.paced:
        assert at(0, 0, 0, 0).item() == 0
        assert at(0, 0, 0, 0).requires_grad


@pytest.mark.parametrize("name", names("loss"))
def test_an_objective_weighs_its_terms_and_names_them(name: str) -> None:
    whole = objective(name)
    chance = torch.Generator().manual_seed(0)
    views = {role: steps.view(wants, chance) for role, wants in sorted(whole.wants(0).items())}
    losses = whole(views, steps.batch())
    assert set(losses) == set(node(name)["terms"])
    for arrow, term in whole.terms.items():
        assert isinstance(term, Term)
        torch.testing.assert_close(losses[arrow], term.weight * term(views, steps.batch()))
        assert term.weight == (node(name)["terms"][arrow]["weight"] or 1.0)


@pytest.mark.parametrize("name", names("loss"))
def test_an_objective_leaves_out_what_its_option_switches_off(name: str) -> None:
    made = build(node(name), "loss")
    on = {arrow: term for arrow, term in node(name)["terms"].items() if term["weight"]}
    assert set(made.terms) == set(on)
    assert set(made.wants(0)) == {term[end] for term in on.values() for end in ("learner", "guide") if term.get(end)}


@pytest.mark.parametrize("name", names("loss"))
def test_a_shuffled_objective_differs_where_a_guide_or_a_label_speaks_and_nowhere_else(name: str) -> None:
    plain, control = objective(name), build({**node(name), "shuffle": 1}, "loss")
    chance = torch.Generator().manual_seed(0)
    views = {role: steps.view(wants, chance) for role, wants in sorted(plain.wants(0).items())}
    losses, others = plain(views, steps.batch()), control(views, steps.batch())
    for arrow, term in control.terms.items():
        itself = term.guide is not None and control.source(term.guide) == control.source(term.learner)
        heard = not itself and (term.guide is not None or "labels" in inspect.signature(pure_function(term)).parameters)
        assert torch.equal(losses[arrow], others[arrow]) is not heard, arrow


# ------------------------------------------------------------------------------------------------ the pure functions


def files() -> list[str]:
    return sorted(path.stem for path in (PACKAGE / "losses").glob("*.py") if path.stem not in FRAME)


@pytest.mark.parametrize("name", files())
def test_a_file_of_the_room_has_a_function_of_its_name_that_names_its_source(name: str) -> None:
    function = getattr(importlib.import_module(f"retrieval_kd.losses.{name}"), name)
    docstring = inspect.getdoc(function) or ""
    assert "Source:" in docstring or "et al." in docstring
    assert re.search(r"[=Σ½|(]", docstring.split("Source:")[0]), "the docstring gives the formula"
