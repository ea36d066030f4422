"""All studies by name, and the one function that runs any of them."""

from __future__ import annotations

from pathlib import Path

from noise_models import Choices
from sqnn.core import ConfigError
from sqnn.studies.circle.study import CircleStudy
from sqnn.studies.compare.study import CompareStudy
from sqnn.studies.conversion.study import ConversionStudy
from sqnn.studies.encoders.study import EncoderStudy
from sqnn.studies.events.study import EventsStudy
from sqnn.studies.faithfulness.study import FaithfulnessStudy
from sqnn.studies.gradients.study import GradientStudy
from sqnn.studies.layers.study import LayerStudy
from sqnn.studies.noise_sweep.study import NoiseSweep
from sqnn.studies.plasticity.study import PlasticityStudy
from sqnn.studies.runner.frame import StudyFrame
from sqnn.studies.runner.run import run_study
from sqnn.studies.runner.study import AnyStudy
from sqnn.studies.seeds.study import SeedStudy

STUDIES: Choices[type[AnyStudy]] = Choices(
    "study",
    {
        "layers": LayerStudy,
        "encoders": EncoderStudy,
        "conversion": ConversionStudy,
        "gradients": GradientStudy,
        "circle": CircleStudy,
        "events": EventsStudy,
        "seeds": SeedStudy,
        "plasticity": PlasticityStudy,
        "compare": CompareStudy,
        "faithfulness": FaithfulnessStudy,
        "noise-sweep": NoiseSweep,
    },
)


def study(
    name: str,
    *subject: object,
    out: str | Path | None = None,
    scheduler: str | None = None,
    workers: int | None = None,
    progress: bool = True,
    **options: object,
) -> StudyFrame:
    """Run the study called `name` on its subject: `study("encoders", data, seeds=2, out="runs/mine").plot()`.

    The subject is what the study is of: nothing (gradients, circle), data (layers, encoders, seeds, plasticity), one or
    more image sets (compare), a network (conversion) or networks (noise-sweep, faithfulness), with data where they are
    no runs or runs' folders. `options` are the fields of its class in STUDIES. With `out` its rows are on the disk, and
    the same call goes on where it was stopped; `scheduler` is the address of a Dask cluster, `workers` a number of
    processes. Raises ValueError as `run_study` does.
    """
    chosen = STUDIES.pick(name, "study", ConfigError).read(options)
    return run_study(chosen, *subject, out=out, scheduler=scheduler, workers=workers, progress=progress)
