"""The configuration of a run: read from TOML, checked, and built into a simulation."""

from wepy.config.build import build_dispatcher, build_simulation, recycles, restart_states
from wepy.config.inputs import read_inputs, unpacked
from wepy.config.model import Configuration
from wepy.config.read import parse_configuration, read_configuration
from wepy.config.start import restart_sections, start_sections

__all__ = [
    "Configuration",
    "build_dispatcher",
    "build_simulation",
    "parse_configuration",
    "read_configuration",
    "read_inputs",
    "recycles",
    "restart_sections",
    "restart_states",
    "start_sections",
    "unpacked",
]
