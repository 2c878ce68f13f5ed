"""Makes the functions that workers run importable, here and (by this process's `sys.path`) on the workers."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
