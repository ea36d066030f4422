from .barren_plateau import COSTS, GradientVariance, gradient_variance
from .gradient_rules import ALGORITHMS, Rule, differentiate, mean_squared_error
from .haar_divergence import Expressibility, expressibility, haar_divergence
from .jacobian_rank import EffectiveParameters, effective_parameters, weight_jacobian
from .meyer_wallach import Entanglement, entanglement, meyer_wallach
from .spectrum import FourierSpectrum, fourier_spectrum
from .states import states
from .subject import Diagnosed

__all__ = [
    "ALGORITHMS",
    "COSTS",
    "Diagnosed",
    "EffectiveParameters",
    "Entanglement",
    "Expressibility",
    "FourierSpectrum",
    "GradientVariance",
    "Rule",
    "differentiate",
    "effective_parameters",
    "entanglement",
    "expressibility",
    "fourier_spectrum",
    "gradient_variance",
    "haar_divergence",
    "mean_squared_error",
    "meyer_wallach",
    "states",
    "weight_jacobian",
]
