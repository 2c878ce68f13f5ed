"""The contract catches balancers that break it: each one here has one planted fault."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from wepy.balancing import REVO, HuberKim, Plan
from wepy.balancing.contract import BalancerContract, edge_ensembles, ensemble, random_ensemble


class PlanThatDraws:
    """A sound plan with another way to draw."""

    def __init__(self, plan, draw):
        self.stop, self.member, self.share = plan.stop, plan.member, plan.share
        self._plan, self._draw = plan, draw

    def draw(self, stream):
        return self._draw(self._plan, stream)


class Faulty:
    """Huber-Kim with its plan or its draw spoilt."""

    def __init__(self, *, plan=lambda plan: plan, draw=None):
        self._spoil, self._draw = plan, draw

    def plan(self, weights, bins, order_parameter):
        plan = self._spoil(HuberKim(3).plan(weights, bins, order_parameter))
        return PlanThatDraws(plan, self._draw) if self._draw else plan

    def describe(self):
        return {"kind": "faulty"}


def contract(fault, n_draws=1000):
    class Contract(BalancerContract):
        def balancer(self):
            return fault

    result = Contract()
    result.n_draws = n_draws
    return result


def members(plan):
    return np.split(np.stack([plan.member, plan.share]), plan.stop[:-1], axis=1)


def uniform_survivor(plan, stream):
    random = stream.generator()
    equal = [[(int(m), 1.0) for m in part[0]] for part in members(plan)]
    parent = np.array([random.choice([m for m, _ in group]) for group in equal])
    true = [[(int(m), float(s)) for m, s in part.T] for part in members(plan)]
    merges = [(new, m, s) for new, group in enumerate(true) for m, s in group if m != parent[new]]
    into, source, moved = np.array(merges).reshape(-1, 3).T
    sound = plan.draw(stream)
    return replace(sound, parent=parent, merge_into=into.astype(int), merge_from=source.astype(int), merge_weight=moved)


def heaviest_survives(plan, stream):
    tipped = [[(int(m), max(float(s) ** 1.2, 1e-300)) for m, s in part.T] for part in members(plan)]
    return replace(plan.draw(stream), parent=Plan.from_groups(tipped).draw(stream).parent)


def test_a_uniformly_drawn_survivor_is_caught():
    with pytest.raises(AssertionError, match=r"U1: walker .* standard errors away"):
        contract(Faulty(draw=uniform_survivor)).test_draws_are_unbiased()


def test_a_slightly_tipped_draw_is_caught():
    with pytest.raises(AssertionError, match=r"U1: walker .* standard errors away"):
        contract(Faulty(draw=heaviest_survives), n_draws=4000).test_draws_are_unbiased()


def test_a_sound_balancer_passes_where_the_faulty_ones_fail():
    contract(Faulty()).test_draws_are_unbiased()


def dropped(plan):
    return Plan.from_groups([[(int(m), float(s)) for m, s in part.T] for part in members(plan)[:-1]])


def lighter(plan):
    return Plan(stop=plan.stop, member=plan.member, share=plan.share * (1 - 1e-9))


def shifted(plan):
    return Plan(stop=plan.stop, member=np.roll(plan.member, 1), share=plan.share)


@pytest.mark.parametrize("fault", [dropped, lighter, shifted])
@pytest.mark.parametrize("test", ["test_plans_are_unbiased_exactly", "test_plans_share_every_walkers_weight_in_full"])
def test_a_plan_that_loses_or_moves_weight_is_caught(fault, test):
    with pytest.raises(AssertionError, match="U1: walker"):
        getattr(contract(Faulty(plan=fault)), test)()


def spoilt(**changes):
    def draw(plan, stream):
        balance = plan.draw(stream)
        return replace(balance, **{name: change(balance) for name, change in changes.items()})

    return Faulty(draw=draw)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight": lambda b: b.weight * (1 + 1e-11)}, "U2: the sum of weights was"),
        ({"weight": lambda b: np.append(b.weight[:-1], 0.0)}, "U3: new weights"),
        ({"weight": lambda b: np.append(b.weight[:-1], np.nan)}, "U3: new weights"),
        ({"parent": lambda b: b.parent + 1}, "U5: parent is in 1 to 1; expected 0 to 0"),
        ({"parent": lambda b: b.parent[:-1]}, "U5: 2 parents for 3 weights"),
        ({"merge_weight": lambda b: b.merge_weight / 2}, "U5: merges and children do not account"),
        ({"merge_into": lambda b: b.merge_into + 50}, "U5: merge_into"),
        ({"merge_from": lambda b: b.parent[b.merge_into]}, "U5: a walker is recorded as merging into its own child"),
    ],
)
def test_a_draw_that_breaks_the_contract_is_caught(changes, message):
    with pytest.raises(AssertionError, match=message):
        contract(spoilt(**changes)).test_every_draw_keeps_the_contract()


def test_generated_ensembles_find_faults_too():
    with pytest.raises(AssertionError, match="U1: walker"):
        contract(Faulty(plan=dropped)).test_any_ensemble_keeps_the_contract()


def test_wrong_counts_and_limits_are_caught():
    wrong = contract(Faulty())
    wrong.counts = lambda walkers: (1, 2)
    with pytest.raises(AssertionError, match="U4: 1 walkers became 3; expected 1 to 2"):
        wrong.test_every_draw_keeps_the_contract()
    wrong = contract(Faulty())
    wrong.limits = (0.0, 0.1)
    wrong.ensembles = lambda: [ensemble("light", [0.09] * 12)]
    with pytest.raises(AssertionError, match=r"U6: weight .* above the greatest allowed, 0.1"):
        wrong.test_every_draw_keeps_the_contract()
    wrong.limits = (0.8, 1.0)
    wrong.ensembles = lambda: [ensemble("heavy", [1.0])]
    with pytest.raises(AssertionError, match=r"U6: weight .* below the least allowed, 0.8"):
        wrong.test_every_draw_keeps_the_contract()


def test_chance_from_elsewhere_is_caught():
    unnamed = np.random.default_rng(1)

    def draw(plan, stream):
        return plan.draw(replace(stream, cycle=int(unnamed.integers(10**6))))

    with pytest.raises(AssertionError, match="U7: two runs with the same stream differ"):
        contract(Faulty(draw=draw)).test_the_same_stream_gives_the_same_bits()


class Meddling(Faulty):
    def plan(self, weights, bins, order_parameter):
        plan = super().plan(weights, bins, order_parameter)
        weights[0] *= 2
        return plan


class Ordered(Faulty):
    def plan(self, weights, bins, order_parameter):
        return super().plan(weights, np.arange(len(weights)) % 2, order_parameter)


def test_changed_arguments_are_caught():
    with pytest.raises(AssertionError, match="changed its arguments"):
        contract(Meddling()).test_arguments_are_not_changed()


def test_a_plan_by_order_of_walkers_is_caught():
    with pytest.raises(AssertionError, match="depends on the order of the walkers"):
        contract(Ordered()).test_permuted_walkers_get_the_permuted_plan()


def test_work_on_balanced_walkers_is_caught():
    wrong = contract(Faulty())
    wrong.balanced = lambda: [ensemble("too many", [0.25] * 4)]
    with pytest.raises(AssertionError, match="balanced walkers were cloned or merged"):
        wrong.test_balanced_walkers_go_on_as_they_are()


class FaultySteps:
    """REVO with its outcomes or its draw spoilt."""

    def __init__(self, *, outcomes=lambda outcomes: outcomes, draw=lambda plan, stream: plan.draw(stream)):
        self._outcomes, self._draw = outcomes, draw

    def plan(self, weights, bins, order_parameter):
        plan = REVO(1.0, pmax=0.5).plan(weights, bins, order_parameter)
        return StepsThatAreSpoilt(plan, self._outcomes, self._draw)

    def describe(self):
        return {"kind": "faulty"}


class StepsThatAreSpoilt:
    def __init__(self, plan, outcomes, draw):
        self._plan, self._outcomes, self._draw = plan, outcomes, draw

    def outcomes(self):
        return iter(self._outcomes(list(self._plan.outcomes())))

    def draw(self, stream):
        return self._draw(self._plan, stream)


def stepwise(fault, n_draws=400):
    result = contract(fault, n_draws)
    result.n_dims = 2
    few = [random_ensemble(6, 1, seed=seed, n_dims=2, spread=0.3) for seed in range(4)]
    result.ensembles = lambda: [replace(one, order_parameter=one.order_parameter * [0.3, 3.0]) for one in few]
    return result


def alike(outcomes):
    return [(Fraction(1, len(outcomes)), balance) for _, balance in outcomes]


def first_balance(plan, stream):
    return next(plan.outcomes())[1]


def test_a_sound_stepwise_plan_passes_where_the_faulty_ones_fail():
    sound = stepwise(FaultySteps())
    for name in dir(sound):
        if name.startswith("test_"):
            getattr(sound, name)()


@pytest.mark.parametrize(
    ("fault", "test", "message"),
    [
        ({"outcomes": lambda o: o[:-1]}, "test_plans_are_unbiased_exactly", "probabilities of all outcomes sum to"),
        ({"outcomes": alike}, "test_plans_are_unbiased_exactly", "U1: walker"),
        ({"draw": first_balance}, "test_draws_are_unbiased", r"U1: walker .* standard errors away"),
        (
            {"outcomes": lambda o: [(p, replace(b, weight=b.weight * 1.001)) for p, b in o]},
            "test_every_draw_keeps_the_contract",
            "U2: the sum of weights",
        ),
    ],
)
def test_faults_of_stepwise_plans_are_caught(fault, test, message):
    with pytest.raises(AssertionError, match=message):
        getattr(stepwise(FaultySteps(**fault)), test)()


class OrderedSteps:
    def plan(self, weights, bins, order_parameter):
        return REVO(1.0, pmax=0.5).plan(weights, bins, np.arange(len(weights))[:, None] * [[0.6, 0.0]])

    def describe(self):
        return {"kind": "faulty"}


def test_steps_by_order_of_walkers_are_caught():
    with pytest.raises(AssertionError, match="depends on the order of the walkers"):
        stepwise(OrderedSteps()).test_permuted_walkers_get_the_permuted_plan()


def test_a_plan_of_no_kind_is_refused():
    class Nothing(FaultySteps):
        def plan(self, weights, bins, order_parameter):
            return None

    with pytest.raises(TypeError, match="expected a plan of groups or of steps, got NoneType"):
        stepwise(Nothing()).test_every_draw_keeps_the_contract()


def test_the_edge_ensembles_are_ensembles():
    for walkers in edge_ensembles(n_dims=3):
        assert len(walkers.weights) == len(walkers.bins) == len(walkers.order_parameter)
        assert walkers.order_parameter.shape[1] == 3
        assert (walkers.weights > 0).all()
        assert walkers.weights.sum() == pytest.approx(1.0)


def test_a_contract_without_balancer_says_so():
    with pytest.raises(NotImplementedError, match="which balancer"):
        BalancerContract().test_every_draw_keeps_the_contract()
