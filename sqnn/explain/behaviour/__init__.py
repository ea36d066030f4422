"""What a network does, in words and graphs: trees, rules, automata, state graphs and causes."""

import lazy_loader

# scikit-learn, pandas and aalpy are loaded by what needs them, not by the door.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
