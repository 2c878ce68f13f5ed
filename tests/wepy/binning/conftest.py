"""Lets tests of binners import the random binners beside them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
