from .agreement import Agreement
from .automaton import Automaton, learn_automaton, neuron_automaton
from .causal import CausalGraph, causal_graph
from .distil import DISTILLATIONS, Distillation, RulesDistillation, StatesDistillation, TreeDistillation, distil
from .features import ANGLE_NAMES, FEATURES, Feature, FeatureTable, Kind, kinds_in, measured, named_features
from .interchange import Interchange, interchange
from .interventions import changed_angles, changed_expectations, changed_spikes
from .rules import Rule, Rules
from .state_graph import StateGraph
from .tree import Condition, Node, Tree, Verdict

__all__ = [
    "ANGLE_NAMES",
    "DISTILLATIONS",
    "FEATURES",
    "Agreement",
    "Automaton",
    "CausalGraph",
    "Condition",
    "Distillation",
    "Feature",
    "FeatureTable",
    "Interchange",
    "Kind",
    "Node",
    "Rule",
    "Rules",
    "RulesDistillation",
    "StateGraph",
    "StatesDistillation",
    "Tree",
    "TreeDistillation",
    "Verdict",
    "causal_graph",
    "changed_angles",
    "changed_expectations",
    "changed_spikes",
    "distil",
    "interchange",
    "kinds_in",
    "learn_automaton",
    "measured",
    "named_features",
    "neuron_automaton",
]
