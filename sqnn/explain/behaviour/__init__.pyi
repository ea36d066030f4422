from .automaton import Automaton, learn_automaton, neuron_automaton

__all__ = ["Automaton", "learn_automaton", "neuron_automaton"]
