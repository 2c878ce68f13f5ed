"""The third level of checks: the list of the rules across tables, one function for each rule of the schema."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from wepy_data.schema import descent_rule, header_rule, planned_rule, row_rule
from wepy_data.schema.finding import Finding, Unavailable
from wepy_data.schema.problem import Problem
from wepy_data.schema.spec import Spec

if TYPE_CHECKING:
    from wepy_data.schema.check import Tables

Rule = Callable[["Tables"], Iterator[Finding]]
RULES: dict[str, Rule] = {
    "cycles-consecutive": row_rule.cycles_consecutive,
    "stops-cumulative": row_rule.stops_cumulative,
    "segment-rows": row_rule.segment_rows,
    "weights-sum": descent_rule.weights_sum,
    "weight-kept": descent_rule.weight_kept,
    "parent-in-previous-cycle": descent_rule.parent_in_previous_cycle,
    "start-state": descent_rule.start_state,
    "root-of-tree": descent_rule.root_of_tree,
    "recycled-children": descent_rule.recycled_children,
    "absorbed-ends": descent_rule.absorbed_ends,
    "weight-flow": descent_rule.weight_flow,
    "merge-rows": descent_rule.merge_rows,
    "event-rows": row_rule.event_rows,
    "event-states": row_rule.event_states,
    "bin-rows": row_rule.bin_rows,
    "bin-known": row_rule.bin_known,
    "frame-rows": row_rule.frame_rows,
    "frame-order": row_rule.frame_order,
    "progress-last-frame": row_rule.progress_last_frame,
    "atom-ids": header_rule.atom_ids,
    "state-probabilities": header_rule.state_probabilities,
    "worker-rows": row_rule.worker_rows,
    "next-walkers": planned_rule.next_walkers,
    "crc": header_rule.crc,
    "schema-text": header_rule.schema_text,
    "header-crc": header_rule.header_crc,
}
"""The rules by their ids."""
_SHOWN = 5
_COUNTED = 1000  # violations of a rule, after which no more are looked for


def rule_problems(spec: Spec, tables: Tables) -> list[Problem]:
    """Return the violations of all rules; rules whose datasets are broken are passed over."""
    problems = []
    for name, sentence in spec.rules.items():
        found: list[Finding] = []
        with contextlib.suppress(Unavailable):
            for finding in itertools.islice(RULES[name](tables), _COUNTED):
                found.append(finding)  # noqa: PERF402 (what was found before a rule is left counts)
        problems += [Problem(path, name, what, sentence) for path, what in found[:_SHOWN]]
        if len(found) > _SHOWN:
            more = f"{len(found) - _SHOWN} more of these{', or many more' if len(found) == _COUNTED else ''}"
            problems.append(Problem(found[0][0].split("[")[0], name, more, sentence))
    return problems
