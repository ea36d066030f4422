"""What a circuit can do and how well it trains, measured: each diagnostic returns its numbers and draws them."""

from circuits.diagnostics.barren_plateau import COSTS, GradientVariance, gradient_variance
from circuits.diagnostics.haar_divergence import Expressibility, expressibility, haar_divergence
from circuits.diagnostics.jacobian_rank import EffectiveParameters, effective_parameters, weight_jacobian
from circuits.diagnostics.meyer_wallach import Entanglement, entanglement, meyer_wallach
from circuits.diagnostics.spectrum import FourierSpectrum, fourier_spectrum
from circuits.engines.lightcone.states import states

__all__ = [
    "COSTS",
    "EffectiveParameters",
    "Entanglement",
    "Expressibility",
    "FourierSpectrum",
    "GradientVariance",
    "effective_parameters",
    "entanglement",
    "expressibility",
    "fourier_spectrum",
    "gradient_variance",
    "haar_divergence",
    "meyer_wallach",
    "states",
    "weight_jacobian",
]
