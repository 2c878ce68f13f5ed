import os
from pathlib import Path

import pytest

PEERS = Path(os.environ.get("PEER_RUNS", Path(__file__).resolve().parents[2] / "data" / "peers"))
"""Finished runs of other programs; `PEER_RUNS` names a folder with the uncut ones."""


@pytest.fixture(scope="session")
def peers():
    return PEERS
