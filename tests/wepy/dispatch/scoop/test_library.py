"""The private names of SCOOP that the dispatcher relies on."""

import importlib.metadata

import pytest

from wepy.dispatch.scoop.library import RELIED_ON, VERSION, load, strangers
from wepy.errors import DispatchError


def test_the_installed_scoop_is_the_one_we_know():
    load()
    assert importlib.metadata.version("scoop") == VERSION
    assert strangers() == [], "SCOOP has changed: see what wepy.dispatch.scoop does with these names"


@pytest.mark.parametrize("module", sorted(RELIED_ON))
def test_every_module_relied_on_has_names(module):
    assert RELIED_ON[module]


def test_a_missing_private_name_is_an_error_that_names_it(monkeypatch):
    load()
    import scoop.futures

    monkeypatch.delattr(scoop.futures, "submit")
    with pytest.raises(DispatchError, match=r"expected scoop 0\.7\.2\.0, found .* without scoop\.futures\.submit"):
        load()
