"""All studies by name, and the one function that runs any of them."""

from __future__ import annotations

from pathlib import Path

from noise_models import Choices
from sqnn.core import ConfigError
from sqnn.studies.circle import CircleStudy
from sqnn.studies.compare import CompareStudy
from sqnn.studies.conversion import ConversionStudy
from sqnn.studies.encoders import EncoderStudy
from sqnn.studies.events import EventsStudy
from sqnn.studies.faithfulness import FaithfulnessStudy
from sqnn.studies.gradients import GradientStudy
from sqnn.studies.layers import LayerStudy
from sqnn.studies.noise_sweep import NoiseSweep
from sqnn.studies.plasticity import PlasticityStudy
from sqnn.studies.runner import AnyStudy, StudyFrame, run_study
from sqnn.studies.seeds import SeedStudy

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
