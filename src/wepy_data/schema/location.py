"""Where the schema files lie: inside an installed package, or beside the sources of a checkout."""

from __future__ import annotations

from pathlib import Path


def schema_folder() -> Path:
    """Return the folder that holds `run-1.0.yaml` and its companions.

    Raises
    ------
    FileNotFoundError
        If the installation is incomplete.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_schema", package.parent.parent / "schema"):
        if (folder / "run-1.0.yaml").is_file():
            return folder
    raise FileNotFoundError(f"the schema is missing from the installation of wepy_data at {package}: install it again")
