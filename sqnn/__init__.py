"""Hybrid spiking-quantum machine learning.

>>> import sqnn
>>> data = sqnn.load_data("digits")
>>> model = sqnn.create_model("sqdr-cnn", data=data)
>>> run = sqnn.fit(model, data, epochs=5)
>>> run.test_accuracy, run.plot()

Data:         load_data(name), read_images(path), DATASETS, ImageData
Networks:     create_model(name, data), load_model(path), save_model(model, path), MODELS, count(model), ParameterCount;
              SpikingQuantum(frontend, data): a quantum head on a network of snnTorch, SpikingJelly, Norse or sinabs
Options:      options(name): fields, defaults, limits and meanings of a network, of a study or of "training"
Training:     fit(model, data), resume(folder), evaluate(model, data), predict(model, images); RECIPES: settings whose
              accuracy is published; TrainingConfig, Run, Evaluation
Studies:      study(name, ...), STUDIES, noise_sweep(networks, noise): NoiseSweep, SweepFrame, ResultsTable;
              compare(run, run, ...): Comparison, a table, tests and a picture of what is trained
Explanation:  record(model, images): SpikeRecord, what every layer of neurons and the quantum head did;
              attribute(model, images, target, method, at): Attribution, how much pixels, spikes, angles, layers or
              weights did for a logit; compare_methods(model, data): MethodComparison, which methods tell the truth;
              activation_map(model, images, layer); explore(model, image): a widget that silences neurons;
              distil(model, data, into): a tree, rules or a graph of states that answers as the network does;
              causal_graph(model, data, layer): what clamping its channels changes

`help(sqnn.fit)` and its like say the rest. The packages below have more: `sqnn.conversion`,
`sqnn.plasticity`, `sqnn.explain`, `sqnn.studies`, ...
"""

import lazy_loader

import noise_models  # (its door has names of the last release answered, see noise_models.moved)

__version__ = "0.1.0"

# No __all__ at run time: with it help() would print every class in full.
_get, __dir__, _names = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    try:
        return _get(name)
    except AttributeError as error:
        near = noise_models.did_you_mean(name, _names)
        raise AttributeError(f"module 'sqnn' has no attribute {name!r}{near}") from error
