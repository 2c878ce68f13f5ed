"""The first iterations of a WESTPA file, and of the numbers that WESTPA's own tools give for it, as small files.

Usage: python cut_westpa.py WEST_H5 EXPECTED_JSON ITERATIONS FOLDER

The next iteration becomes the one that is prepared and not run, as it was when WESTPA had done so many: its progress
coordinates are 0 but for the first point. Restart files and logs are left out of trajectory files.
"""

import json
import sys
from pathlib import Path

import h5py
import numpy as np

BY_ITERATION = (
    "weight_sum", "endpoint_counts", "recycled_weight", "w_direct_total_fluxes", "w_direct_arrivals",
    "w_assign_labeled_populations", "w_pdist_histograms",
)  # fmt: skip


def main(west, expected, iterations, folder):
    west, expected, n, folder = Path(west), Path(expected), int(iterations), Path(folder)
    target = folder / (west.name if west.name != "west.h5" else f"{west.parent.name}/west.h5")
    target.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(west) as source, h5py.File(target, "w", libver="latest") as file:
        cut_file(source, file, n, west.parent, target.parent)
    cut_numbers(expected, folder / expected.name, n)


def cut_file(source, file, n, where, target):
    for name, value in source.attrs.items():
        file.attrs[name] = value
    file.attrs["west_current_iteration"] = n + 1
    for name in ("bin_topologies", "ibstates", "tstates"):
        source.copy(name, file)
    for name in ("ibstates", "tstates"):  # references lead nowhere after a copy
        rows = file[f"{name}/index"][()]
        for place in range(len(rows)):
            if f"{name}/{place}" in file:
                rows["group_ref"][place] = file[f"{name}/{place}"].ref
        del file[f"{name}/index"]
        file[f"{name}/index"] = rows
    istates = file["ibstates/0/istate_index"]
    istates["iter_used"] = np.where(istates["iter_used"] <= n + 1, istates["iter_used"], 0)
    file["summary"] = source["summary"][: n + 1]
    for number in range(0, n + 2):
        path = f"iterations/iter_{number:08d}"
        if path in source:
            cut_iteration(source[path], file.create_group(path), planned=number > n)
            if "trajectories" in source[path] and number <= n:
                link = source[path].get("trajectories", getlink=True)
                file[f"{path}/trajectories"] = h5py.ExternalLink(link.filename, "/")
                cut_trajectory(where / link.filename, target / link.filename)


def cut_iteration(source, group, *, planned):
    for name, value in source.attrs.items():
        group.attrs[name] = value
    for name in ("ibstates", "tstates"):
        if name in source:
            sets = source.file[name]
            group[name] = group.file[name][next(one for one in sets if one != "index" and sets[one] == source[name])]

    def copy(name, item):
        if isinstance(item, h5py.Dataset) and not name.startswith(("ibstates", "tstates", "trajectories")):
            values = item[()]
            if planned and name == "seg_index":
                values["status"], values["endpoint_type"], values["cputime"], values["walltime"] = 1, 0, 0, 0
            if planned and name == "pcoord":
                values[:, 1:] = 0
            if not (planned and name.startswith("auxdata")):
                packed = {"compression": 9, "shuffle": True} if values.nbytes > 512 else {}
                group.create_dataset(name, data=values, **packed)

    source.visititems(copy)


def cut_trajectory(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(source) as old, h5py.File(target, "w", libver="latest") as new:
        for name in ("coordinates", "time", "cell_lengths", "cell_angles", "pointer", "topology"):
            packed = {} if name == "topology" else {"compression": 9, "shuffle": True}
            made = new.create_dataset(name, data=old[name][()], **packed)
            if "units" in old[name].attrs:
                made.attrs["units"] = old[name].attrs["units"]


def cut_numbers(source, target, n):
    numbers = json.loads(source.read_text())
    for name in ("sha256", "w_direct", "w_assign", "w_fluxanl_mean", "iter4_file", "trace_8_0", "recycled_by_target", "mean_recycled_flux_all_iterations"):  # fmt: skip # noqa: E501
        if name not in ("trace_8_0", "w_assign"):
            numbers.pop(name, None)
    per = numbers["n_segments_per_iteration"]
    numbers["n_segments_per_iteration"] = per[: n + 1] if isinstance(per, list) else {k: v for k, v in per.items() if int(k) <= n + 1}  # fmt: skip # noqa: E501
    numbers["w_trace"] = {}
    arrays = {}
    original = json.loads(source.read_text())
    npz = source.with_suffix("").with_suffix("").with_name(source.name.replace(".json", ".npz"))
    known = np.load(npz) if npz.exists() else {}
    for name in BY_ITERATION:
        if name in known:
            arrays[name] = known[name][: n + (name == "weight_sum")]
    for name in ("w_pdist_edges", "w_fluxanl_flux", "w_fluxanl_n_iter"):
        if name in known:
            arrays[name] = known[name]
    if "w_fluxanl_n_iter" in arrays:
        few = arrays["w_fluxanl_n_iter"] <= n
        arrays["w_fluxanl_flux"], arrays["w_fluxanl_n_iter"] = (
            arrays["w_fluxanl_flux"][few],
            arrays["w_fluxanl_n_iter"][few],
        )
    for name, trace in original.get("w_trace", {}).items():
        if len(trace["n_iter"]) < n:
            continue
        short = {key: value[:n] if key in ("n_iter", "seg_id", "weight", "final_pcoord") else value for key, value in trace.items()}  # fmt: skip # noqa: E501
        end = f"{n}:{short['seg_id'][-1]}"
        if trace["n_iter"][0] == 1:
            numbers["w_trace"][end] = short
            points = 5 * n + 1
            for word in ("pcoord", "weights"):
                arrays[f"w_trace_{word}_{end.replace(':', '_')}"] = known[f"w_trace_{word}_{name.replace(':', '_')}"][
                    :points
                ]
    if "trace_8_0" in original:
        trace = original["trace_8_0"]
        numbers["trace"] = {"walkers": trace["walkers"][:n], "atom1_x": trace["atom1_x"][: 1 + 6 * n]}
        numbers.pop("trace_8_0")
    for name in ("w_succ_lines",):
        numbers[name] = [line for line in original.get(name, []) if int(line[0]) <= n]
    numbers.pop("wtgraph_example", None) if original.get("wtgraph_example", {}).get("n_iter", 0) > n + 1 else None
    for name in ("analysis", "n_segments_complete", "n_recycled_total", "n_complete_iterations", "current_status_counts", "west_current_iteration", "iterations", "n_initial_states", "w_succ_count", "iter4_restart_nodes", "iter4_log_nodes"):  # fmt: skip # noqa: E501
        numbers.pop(name, None)
    target.write_text(json.dumps(numbers, separators=(",", ":")) + "\n")
    if arrays:
        np.savez_compressed(target.with_name(target.name.replace(".json", ".npz")), **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
