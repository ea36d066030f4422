"""Event recordings: their readers, their frames, and a simulator that makes them out of pictures."""

from sqnn.data.events.assemble import event_pair, event_parts, framing_of
from sqnn.data.events.camera import Camera
from sqnn.data.events.files import FORMATS, holds_events, is_recording, read_events
from sqnn.data.events.framing import FRAMED, Framing, frames_of, framing_from
from sqnn.data.events.measured import MeasuredCamera, NoiselessCamera
from sqnn.data.events.recording import EVENT, Recording, recording_of
from sqnn.data.events.saccades import Saccades
from sqnn.data.events.synthetic import AT_ONCE, SYNTHETIC, grey_of, sensor_of, simulate_saccades

__all__ = [
    "AT_ONCE",
    "EVENT",
    "FORMATS",
    "FRAMED",
    "SYNTHETIC",
    "Camera",
    "Framing",
    "MeasuredCamera",
    "NoiselessCamera",
    "Recording",
    "Saccades",
    "event_pair",
    "event_parts",
    "frames_of",
    "framing_from",
    "framing_of",
    "grey_of",
    "holds_events",
    "is_recording",
    "read_events",
    "recording_of",
    "sensor_of",
    "simulate_saccades",
]
