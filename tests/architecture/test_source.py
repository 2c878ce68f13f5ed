"""Rules that every module keeps, checked on the source."""

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import wepy
import wepy_data

SOURCE = Path(__file__).resolve().parents[2] / "src"
MODULES = sorted(SOURCE.rglob("*.py"))
HEAVY = ("pandas", "networkx", "mdtraj", "matplotlib", "openmm", "scoop", "zmq", "hypothesis", "tables", "pyarrow")


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_there_are_modules_to_check():
    assert len(MODULES) > 80


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_says_what_it_is_and_evaluates_nothing(path):
    module = tree(path)
    assert ast.get_docstring(module), "the first line of a module says what it is"
    called = {
        node.func.id for node in ast.walk(module) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not called & {"eval", "exec", "compile", "__import__"}
    named = {node.attr for node in ast.walk(module) if isinstance(node, ast.Attribute)}
    assert not named & {"unsafe_load", "full_load"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_pickles_stay_between_a_manager_and_its_workers(path):
    if path.relative_to(SOURCE).parts[:2] != ("wepy", "dispatch"):
        assert not imported(path) & {"pickle", "cloudpickle", "dill", "marshal", "shelve"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_input_is_not_checked_by_assert(path):
    if path.name != "contract.py" and "testing" not in path.parts:
        assert not [node.lineno for node in ast.walk(tree(path)) if isinstance(node, ast.Assert)]


@pytest.mark.parametrize("package", ["wepy", "wepy_data"])
def test_importing_a_front_door_is_light(package):
    code = f"import sys, {package}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("package", [wepy, wepy_data], ids=lambda package: package.__name__)
def test_what_a_front_door_names_is_there_and_documented(package):
    for name in package.__all__:
        value = getattr(package, name)
        assert name.startswith("__") or inspect.getdoc(value), name


@pytest.mark.parametrize("package", [wepy, wepy_data], ids=lambda package: package.__name__)
def test_a_front_door_names_everything_it_imports(package):
    here = {
        name
        for name, value in vars(package).items()
        if not name.startswith("_")
        and not inspect.ismodule(value)
        and getattr(value, "__module__", "").startswith("wepy")
    }
    assert here <= set(package.__all__)


def test_the_schema_of_the_checkout_is_the_one_in_use():
    location = importlib.import_module("wepy_data.schema.location")
    assert location.schema_folder() == SOURCE.parent / "schema"
