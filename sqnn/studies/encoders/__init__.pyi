from .figure import plot_encoders
from .study import WITHOUT, EncoderCell, EncoderStudy, StudyFolder, cell_label, encoder_study, summarise_encoders

__all__ = [
    "WITHOUT",
    "EncoderCell",
    "EncoderStudy",
    "StudyFolder",
    "cell_label",
    "encoder_study",
    "plot_encoders",
    "summarise_encoders",
]
