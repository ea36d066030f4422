"""Exact expectations under noise, in the Heisenberg picture: the observable is pulled back, the state never formed.

Glossary. All numbers are Pauli coefficients, over I, X, Y, Z on each wire.

- *timeline*: the circuit as *chains* between *pairs*. A pair is a two-qubit gate with its noise, a constant matrix. A
  chain is what happens on one wire between two pairs: *links*, each a constant matrix or a *turn* about Z.
- *ket*: what a wire's first chain makes of |0>, its Bloch vector. *Row*: what a wire's last chain, read backwards,
  makes of the observable. *Middle*: the chains in between that hold angles, as 4 x 4 matrices.
- *cone*: the wires and Paulis that one observable meets on its way back. *Step*: a pair or middle chain in the cone.
- *axis*: the place of one wire in the tensor of coefficients that the steps change.

Two wires, one CZ, reading Z on wire 0. The row of wire 0 is (0, x, y, z). CZ pulls X to XZ, Y to YZ and Z to Z: it is a
step from the axis of wire 0 to the axes of wires 0 and 1, which hold {X, Y, Z} and {I, Z}. Contracted with the kets
(1, x0, y0, z0) and (1, x1, y1, z1) that gives <Z_0> = z z0 + (x x0 + y y0) z1. With phase flips after the CZ the step's
constants for X and Y shrink by 1 - 2 p; the cone stays.
"""

from circuits.engines.heisenberg.picture import HeisenbergPicture
from circuits.engines.heisenberg.timeline import n_dead_turns
from circuits.engines.heisenberg.trained import TrainedNoise

__all__ = ["HeisenbergPicture", "TrainedNoise", "n_dead_turns"]
