"""Build a wheel, install it into an empty environment and use it there: is everything inside that must be?"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NEEDED = (
    "wepy_data/_schema/run-1.0.yaml",
    "wepy_data/_schema/meta.schema.json",
    "wepy_data/_schema/provenance.schema.json",
    "wepy/_examples/alanine_dipeptide/alanine-dipeptide.toml",
    "wepy/_examples/alanine_dipeptide/alanine_dipeptide.pdb",
    "wepy/_examples/double_well/double-well.toml",
)
USE = """
import wepy, wepy_data
from wepy_data.schema.location import schema_folder
from wepy_data.schema.spec import run_spec
assert "_schema" in str(schema_folder()), schema_folder()
assert run_spec().version
print("schema", run_spec().version, "from", schema_folder())
"""


def run(*command: str | Path, cwd: Path) -> None:
    print("$", *command, flush=True)
    subprocess.run([str(part) for part in command], cwd=cwd, check=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(sys.executable, "-m", "build", "--outdir", folder / "dist", ROOT, cwd=folder)  # sdist, then wheel from it
        (wheel,) = (folder / "dist").glob("*.whl")
        inside = zipfile.ZipFile(wheel).namelist()
        missing = [path for path in NEEDED if path not in inside]
        if missing:
            sys.exit(f"the wheel lacks {', '.join(missing)}")
        venv.create(folder / "venv", with_pip=True)
        bin_ = folder / "venv" / "bin"
        run(bin_ / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel, cwd=folder)
        run(bin_ / "python", "-c", USE, cwd=folder)
        run(bin_ / "wepy", "init", "double-well", cwd=folder)
        run(bin_ / "wepy", "run", "double-well/double-well.toml", "--cycles", "20", cwd=folder)
        run(bin_ / "wepy-data", "check", "double-well/run.h5", cwd=folder)
        run(bin_ / "wepy-data", "info", "double-well/run.h5", cwd=folder)
    print("the wheel is complete")


if __name__ == "__main__":
    main()
