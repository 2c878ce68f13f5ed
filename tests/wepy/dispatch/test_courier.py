"""How many items the courier has under way, over a channel that calls them at once."""

from dispatch_workload import square

from wepy.dispatch.courier import Courier, parcel_of
from wepy.dispatch.remote import call


class Echo:
    """A channel with three slots that notes how many requests wait whenever answers are asked for."""

    slots = 3

    def __init__(self):
        self.requests, self.waiting = [], []

    def post(self, request, to):
        self.requests.append(request)

    def receive(self):
        self.waiting.append(len(self.requests))
        return [call(self.requests.pop(0))]

    def cancel(self, keys):
        pass


def test_one_item_for_each_slot_until_the_function_has_arrived_and_two_from_then_on():
    channel = Echo()
    courier = Courier(channel)
    for function, first in ((square, 3), (square, 6), (abs, 3), (abs, 6)):
        channel.waiting.clear()
        outcomes = list(courier.outcomes(parcel_of(function, importable_main=False), range(20)))
        assert sorted(outcome.value for outcome in outcomes) == sorted(map(function, range(20)))
        assert channel.waiting[0] == first
        assert max(channel.waiting) == 6
