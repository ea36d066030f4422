"""Trees and rules: equal to scikit-learn's, true to their words, and honest on test images."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch
from explained import Small, small_data
from torch import Tensor

import sqnn
from sqnn.core import ConfigError
from sqnn.explain.behaviour import Feature, FeatureTable, Rules, Tree
from sqnn.explain.behaviour.features import measured
from sqnn.explain.behaviour.rules import first_answers, shorten
from sqnn.explain.behaviour.tree import Condition, grow, leaf_of, ways


def planted(values: Tensor, answers: Tensor) -> FeatureTable:
    features = tuple(Feature("counts", f"neuron {unit}", "hidden", (unit,)) for unit in range(values.shape[1]))
    return FeatureTable(features, values.float(), torch.nn.functional.one_hot(answers).float(), answers)


@pytest.fixture(scope="module")
def random_table() -> FeatureTable:
    generator = torch.Generator().manual_seed(0)
    values = torch.randint(6, (300, 5), generator=generator)
    return planted(values, (values[:, 0] + values[:, 3]) % 3)


@pytest.fixture(scope="module")
def tree() -> Tree:
    made = sqnn.distil(Small(), small_data(), "tree", leaves=2)
    assert isinstance(made, Tree)
    return made


def test_a_tree_answers_as_that_of_scikit_learn(random_table: FeatureTable) -> None:
    from sklearn.tree import DecisionTreeClassifier

    theirs = DecisionTreeClassifier(max_leaf_nodes=20, random_state=0)
    theirs.fit(random_table.values.numpy(), random_table.answers.numpy())
    features, nodes = grow(random_table, 20, 3)
    assert sum(node.feature is None for node in nodes) == 20
    other = torch.randint(6, (200, 5), generator=torch.Generator().manual_seed(1)).float()
    leaves = leaf_of(nodes, other[:, [random_table.features.index(feature) for feature in features]])
    assert [nodes[leaf].answer for leaf in leaves] == theirs.predict(other.numpy()).tolist()


def test_an_image_fulfils_the_conditions_of_its_leaf_alone(random_table: FeatureTable) -> None:
    features, nodes = grow(random_table, 12, 3)
    values = random_table.columns(features)
    leaves = leaf_of(nodes, values)
    assert len(dict(ways(features, nodes))) == 12
    for leaf, conditions in ways(features, nodes):
        holds = torch.ones(len(values), dtype=torch.bool)
        for condition in conditions:
            holds &= condition.holds(values[:, features.index(condition.feature)])
        assert torch.equal(holds, leaves == leaf)
        assert nodes[leaf].counts == tuple(random_table.answers[holds].bincount(minlength=3).tolist())


def test_a_planted_question_is_found() -> None:
    values = torch.randint(9, (200, 4), generator=torch.Generator().manual_seed(2))
    features, nodes = grow(planted(values, (values[:, 2] >= 3).long()), 8, 2)
    assert [feature.name for feature in features] == ["neuron 2"]
    assert [str(condition) for _, way in ways(features, nodes) for condition in way] == [
        "neuron 2: at most 2 spikes",
        "neuron 2: 3 or more spikes",
    ]


def test_a_condition_that_does_nothing_is_left_out_of_a_rule() -> None:
    values = torch.randint(9, (400, 3), generator=torch.Generator().manual_seed(3)).float()
    answers = ((values[:, 0] >= 4) & (values[:, 1] <= 5)).long()
    first, second, idle = planted(values, answers).features
    much, few, rest = Condition(first, above=3.5), Condition(second, most=5.5), Condition(idle, above=0.5)
    leaves = [((rest, much, few), 1), ((Condition(first, most=3.5), rest), 0)]
    rules, default = shorten(leaves, (first, second, idle), values, answers)
    assert [(set(rule.conditions), rule.answer) for rule in rules] == [
        ({Condition(first, most=3.5)}, 0),
        ({much, few}, 1),
    ]
    assert default == 0
    assert torch.equal(first_answers((first, second, idle), rules, default, values), answers)
    assert [(rule.images, rule.precision) for rule in rules] == [
        (int((values[:, 0] <= 3).sum()), 1),
        (int(answers.sum()), 1),
    ]


def test_fidelity_is_that_on_the_test_images(tree: Tree) -> None:
    record = sqnn.record(Small(), small_data().test)
    told, network = tree.predict(record), record.predictions
    assert tree.fidelity == float((told == network).double().mean())
    assert tree.agreement.disagreements == [i for i in range(60) if told[i] != network[i]]
    assert tree.leaves == 2
    assert tree.fidelity > tree.agreement.baseline + 0.1
    assert tree.agreement.accuracy == float((told == record.labels).double().mean())
    shown = tree.explain(record)
    assert [verdict.agrees for verdict in shown] == (told == network).tolist()
    assert tree.classes[int(told[0])] in str(shown[0])
    assert str(shown[0].conditions[0]) in str(shown[0])


def test_test_images_choose_nothing(tree: Tree) -> None:
    data = small_data()
    other = dataclasses.replace(data, test=small_data(seed=9).test)
    again = sqnn.distil(Small(), other, "tree", leaves=2)
    assert isinstance(again, Tree)
    assert (again.nodes, again.features, again.tried) == (tree.nodes, tree.features, tree.tried)
    assert again.agreement.disagreements != tree.agreement.disagreements


def test_the_features_kept_are_those_best_on_validation_images(tree: Tree) -> None:
    assert set(tree.tried) == {"counts", "counts + windows + latency"}
    one = sqnn.distil(Small(), small_data(), "tree", leaves=2, features=("counts",))
    assert isinstance(one, Tree)
    record = sqnn.record(Small(), small_data().validation)
    assert tree.tried["counts"] == float((one.predict(record) == record.predictions).double().mean())
    best = max(tree.tried, key=lambda name: tree.tried[name])
    assert {feature.kind for feature in tree.features} <= set(best.split(" + "))


@pytest.mark.parametrize(("validation", "options"), [(0, {}), (40, {"features": ("counts",)})])
def test_without_a_choice_on_validation_images_what_is_tried_is_told_of_training_images(
    validation: int, options: dict[str, object]
) -> None:
    data = small_data(validation=validation)
    tree = sqnn.distil(Small(), data, "tree", leaves=2, **options)
    assert isinstance(tree, Tree)
    seen = sqnn.record(Small(), data.train)
    share = float((tree.predict(seen) == seen.predictions).double().mean())
    assert share == max(tree.tried.values()) < 1


def test_rules_are_measured_as_the_tree_is(tree: Tree) -> None:
    rules = sqnn.distil(Small(), small_data(), "rules", leaves=2)
    assert isinstance(rules, Rules)
    record = sqnn.record(Small(), small_data().test)
    values = measured(rules.features, record).tolist()

    def first(row: list[float]) -> int:
        for rule in rules.rules:
            if all(c.above < row[rules.features.index(c.feature)] <= c.most for c in rule.conditions):
                return rule.answer
        return rules.default

    assert rules.predict(record).tolist() == [first(row) for row in values]
    assert rules.fidelity == float((rules.predict(record) == record.predictions).double().mean())
    assert rules.text.count("if ") == len(rules.rules)
    assert rules.text.endswith(rules.classes[rules.default])
    assert list(rules.frame.images) == [rule.images for rule in rules.rules]


def test_words_tables_and_pictures_say_the_same(tree: Tree) -> None:
    assert sum(tree.frame.images) == 200
    assert tree.text.count("image") == tree.leaves
    assert json.loads(json.dumps(tree.to_dict()))["agreement"]["fidelity"] == tree.fidelity
    assert len(tree.plot().axes[0].lines) == len(tree.nodes) - 1
    assert tree.agreement.frame.images.sum() == len(tree.agreement.disagreements)
    assert int(tree.agreement.confusion.diagonal().sum()) == 60 - len(tree.agreement.disagreements)


def test_a_network_of_one_answer_needs_no_question() -> None:
    model = Small()
    torch.nn.init.zeros_(model.first.weight), torch.nn.init.constant_(model.first.bias, -1.0)
    torch.nn.init.constant_(model.second.bias, -1.0)
    tree = sqnn.distil(model, small_data(), "tree", features=("counts",))
    assert isinstance(tree, Tree)
    assert (tree.leaves, tree.depth, tree.fidelity) == (1, 0, 1.0)
    assert str(tree.explain(sqnn.record(model, small_data().test.floats()[:1]))[0]).startswith("always: a (100%")
    rules = sqnn.distil(model, small_data(), "rules", features=("counts",))
    assert rules.fidelity == 1.0


@pytest.mark.parametrize(
    ("into", "options", "message"),
    [
        ("treee", {}, r"into: got 'treee', expected one of tree, rules, states; did you mean 'tree'"),
        ("tree", {"leaves": 1}, r"leaves: got 1, expected a whole number of at least 2"),
        ("tree", {"leafs": 9}, r"leafs: TreeDistillation has no such field"),
        ("tree", {"features": ("count",)}, r"features: got 'count', expected one of counts"),
        ("rules", {"features": ("counts", "counts")}, r"features: got \('counts', 'counts'\), expected each kind once"),
        ("rules", {"features": ("angles",)}, r"features: got 'angles', expected one that the network has"),
    ],
)
def test_bad_input_gets_one_line(into: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        sqnn.distil(Small(), small_data(20, 5, 5), into, **options)


def test_data_must_have_test_images() -> None:
    with pytest.raises(ConfigError, match=r"data: got .*, expected one with test images"):
        sqnn.distil(Small(), small_data(20, 5, 0))
