"""What a worker answers."""

import pickle

from dispatch_workload import fail, square

from wepy.dispatch.identity import worker_identity
from wepy.dispatch.remote import Key, Kind, Request, call, digest_of, value_of


def request(function, item, *, with_definition):
    definition = pickle.dumps(function)
    return Request(
        key=Key("a run", 0),
        digest=digest_of(definition),
        item=pickle.dumps(item),
        definition=definition if with_definition else None,
    )


def test_a_function_is_asked_for_once():
    kinds = [call(request(square, 3, with_definition=with_definition)).kind for with_definition in (0, 1, 0)]
    assert kinds == [Kind.MISS, Kind.VALUE, Kind.VALUE]


def test_an_answer_names_item_and_worker():
    answer = call(request(square, 3, with_definition=True))
    assert value_of(answer) == 9
    assert answer.key == Key("a run", 0)
    assert answer.worker == worker_identity()


def test_old_functions_make_room_for_new_ones():
    partials = [pickle.loads(pickle.dumps(_Plus(number))) for number in range(6)]
    for function in partials:
        assert call(request(function, 1, with_definition=True)).kind is Kind.VALUE
    kinds = [call(request(function, 1, with_definition=False)).kind for function in partials]
    assert kinds[:2] == [Kind.MISS, Kind.MISS]
    assert kinds[2:] == [Kind.VALUE] * 4


def test_a_function_that_cannot_be_loaded_is_an_error_of_the_item():
    broken = Request(key=Key("a run", 0), digest="?", item=pickle.dumps(1), definition=b"cno_such_module\nthing\n.")
    answer = call(broken)
    assert answer.kind is Kind.ERROR
    assert "no_such_module" in answer.message


def test_every_answer_pickles():
    for how in ("fine", "fussy", "exit", "result", "value"):
        answer = call(request(fail, how, with_definition=True))
        assert pickle.loads(pickle.dumps(answer)) == answer


class _Plus:
    def __init__(self, number):
        self.number = number

    def __call__(self, item):
        return item + self.number
