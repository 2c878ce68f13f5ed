"""What only the SCOOP dispatcher promises."""

import os
import pickle
import sys
from pathlib import Path

import pytest
from dispatch_workload import Counting, process_id, square
from process_table import children, listening_addresses

from wepy.dispatch import Scoop
from wepy.dispatch.scoop.library import load
from wepy.errors import DispatchError

LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


def test_everything_listens_on_loopback_only():
    with Scoop(workers=2) as dispatcher:
        pids = {outcome.value for outcome in dispatcher.run(process_id, list(range(20)))}
        found = listening_addresses({os.getpid(), *pids, *children(os.getpid())})
    assert len(found) == 1  # the broker's; neither the origin nor a worker listens
    assert set(found) <= LOOPBACK


def test_it_can_be_entered_again_with_another_number_of_workers():
    for workers in (2, 3):
        with Scoop(workers=workers) as dispatcher:
            assert dispatcher.slots == workers
            assert sorted(outcome.value for outcome in dispatcher.run(square, [1, 2, 3])) == [1, 4, 9]
    with dispatcher:
        assert [outcome.value for outcome in dispatcher.run(square, [4])] == [16]


def test_scoop_is_left_as_it_was_found():
    with Scoop(workers=1):
        pass
    import scoop

    before = dict(vars(scoop))
    with Scoop(workers=1) as dispatcher:
        list(dispatcher.run(square, [1]))
        assert scoop.IS_RUNNING
    assert vars(scoop) == before
    assert not scoop.IS_RUNNING


def test_two_pools_at_once_in_one_process_are_refused():
    with Scoop(workers=1) as first:
        with pytest.raises(DispatchError, match="takes part in a SCOOP pool already"), Scoop(workers=1):
            pass
        assert [outcome.value for outcome in first.run(square, [3])] == [9]


def test_the_definition_is_sent_once_for_each_worker(tmp_path):
    with Scoop(workers=3) as dispatcher:
        for _ in range(3):
            assert all(outcome.error is None for outcome in dispatcher.run(Counting(tmp_path), list(range(60))))
        sent = dispatcher._session.courier.definitions_sent
    assert sent == len(list(tmp_path.iterdir())) == 3


def test_workers_that_cannot_start_are_an_error_with_their_last_words(monkeypatch):
    load()  # here, where everything is found
    library = str(Path(os.__file__).parent)
    monkeypatch.setattr(
        sys, "path", [entry for entry in sys.path if entry.startswith(library) and "site-packages" not in entry]
    )
    with pytest.raises(DispatchError, match=r"(?s)workers do not start.*exit code 1.*ModuleNotFoundError"):
        Scoop(workers=2).__enter__()
    import scoop

    assert not scoop.IS_RUNNING


def test_a_function_of_the_script_itself_is_refused_with_the_way_out(monkeypatch):
    main = sys.modules["__main__"]
    function = type(square)(square.__code__, {}, "mine")
    function.__module__, function.__qualname__ = "__main__", "mine"
    monkeypatch.setattr(main, "mine", function, raising=False)
    with Scoop(workers=1) as dispatcher, pytest.raises(DispatchError, match="mine is defined in the script"):
        dispatcher.run(function, [1])


def test_missing_scoop_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "scoop", None)
    with pytest.raises(DispatchError, match=r"pip install 'wepy-ensemble\[scoop\]'"):
        Scoop(workers=1).__enter__()


def test_items_sent_after_leaving_are_refused():
    with Scoop(workers=1) as dispatcher:
        run = dispatcher.run(square, [1, 2])
    with pytest.raises(DispatchError, match="has been left"):
        list(run)


def test_open_files_stay_unpicklable():
    with Scoop(workers=1), Path(__file__).open("rb") as file, pytest.raises(TypeError):
        pickle.dumps(file)
