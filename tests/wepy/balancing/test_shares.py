"""Shares of walkers between siblings and down a tree."""

from hypothesis import given
from hypothesis import strategies as st

from wepy.balancing.shares import Node, even_gains, share_out

leaves = st.integers(1, 12).flatmap(
    lambda n: st.builds(Node, st.just(n), can_lose=st.integers(0, n - 1), can_gain=st.integers(0, 12))
)
families = st.lists(leaves, min_size=1, max_size=6)


def inner(children):
    return Node(
        count=sum(one.count for one in children),
        can_lose=sum(one.can_lose for one in children),
        can_gain=sum(one.can_gain for one in children),
        children=children,
    )


trees = st.recursive(leaves, lambda nodes: st.lists(nodes, min_size=1, max_size=4).map(inner), max_leaves=20)


def gain_within(node, data):
    return data.draw(st.integers(-node.can_lose, node.can_gain))


@given(families, st.data())
def test_siblings_are_as_even_as_their_limits_allow(siblings, data):
    gains = even_gains(siblings, gain := gain_within(inner(siblings), data))
    assert sum(gains) == gain
    after = [one.count + part for one, part in zip(siblings, gains, strict=True)]
    for one, part in zip(siblings, gains, strict=True):
        assert -one.can_lose <= part <= one.can_gain
    for i, (one, part) in enumerate(zip(siblings, gains, strict=True)):
        for j, (other, other_part) in enumerate(zip(siblings, gains, strict=True)):
            can_trade = part > -one.can_lose and other_part < other.can_gain
            assert after[i] - after[j] < 2 or not can_trade


@given(trees, st.data())
def test_gains_add_up_from_the_leaves_to_the_root(root, data):
    share_out(root, gain := gain_within(root, data))
    assert root.gain == gain
    open_nodes = [root]
    while open_nodes:
        node = open_nodes.pop()
        assert -node.can_lose <= node.gain <= node.can_gain
        if node.children:
            assert node.gain == sum(one.gain for one in node.children)
            open_nodes += node.children


def test_single_walkers_are_traded_until_siblings_are_even():
    three, one = Node(3, can_lose=2, can_gain=9), Node(1, can_lose=0, can_gain=9)
    assert even_gains([three, one, three, one], 0) == [-1, 1, -1, 1]
