"""Simulations built from configurations: every kind there is."""

import json
import math
from pathlib import Path

import numpy as np
import openmm
import pytest

import wepy
import wepy_data as wd
from wepy.config import build_dispatcher, build_simulation, parse_configuration
from wepy.config.example import examples_folder
from wepy.config.model import DispatchSection
from wepy.errors import ConfigurationError
from wepy.metric import metric_from_description

PDB = str(examples_folder() / "alanine_dipeptide" / "alanine_dipeptide.pdb")
FIELD = {"kind": "openmm", "pdb": PDB, "force_field": ["amber14/protein.ff14SB.xml"], "temperature": 300.0, "minimise": False}  # fmt: skip # noqa: E501


def config(**changes):
    raw = {
        "run": {"steps": 4, "seed": 3, "walkers": 4},
        "engine": {"kind": "double-well"},
        "order_parameter": {"kind": "coordinates"},
        "states": [{"x": [-1.0]}],
    }
    return parse_configuration({key: value for key, value in (raw | changes).items() if value is not None})


def build(tmp_path, **changes):
    return build_simulation(config(**changes), tmp_path)


def molecule(tmp_path, **changes):
    settings = {"engine": FIELD, "states": [], "order_parameter": {"kind": "distance", "pairs": [[0, 5]]}}
    return build(tmp_path, **(settings | changes))


def runs(simulation):
    list(simulation.run(cycles=1))
    return simulation.record.n_cycles == 1


@pytest.mark.parametrize(
    ("engine", "kind"),
    [
        ({"kind": "double-well", "height": 2.0, "timestep": 1e-4, "stride": 2}, wepy.OverdampedLangevin),
        ({"kind": "random-walk", "up": 0.4, "stride": 1}, wepy.RandomWalk),
    ],
)  # fmt: skip
def test_toys_are_built_and_run(tmp_path, engine, kind):
    simulation = build(tmp_path, engine=engine)
    assert isinstance(simulation.engine, kind)
    assert simulation.engine.stride == engine["stride"]
    assert runs(simulation)
    assert wd.check(tmp_path / "run.h5") == []


@pytest.mark.parametrize(
    "section",
    [
        {"kind": "distance", "pairs": [[0, 5], [1, 6]]},
        {"kind": "minimum-distance", "group_a": [0, 1], "group_b": [8, 9]},
        {"kind": "dihedral", "atoms": [[4, 6, 8, 14]], "labels": ["phi"]},
        {"kind": "rmsd", "reference": PDB, "atoms": [4, 6, 8, 14]},
        {"kind": "coordinates", "indices": [0, 7], "unit": "nm"},
        {"kind": "function", "name": "mdtraj.geometry.rg:compute_rg", "labels": ["rg"], "unit": "nm"},
    ],
    ids=lambda section: section["kind"],
)
def test_order_parameters_are_built_and_run(tmp_path, section):
    simulation = molecule(tmp_path, order_parameter=section)
    if section["kind"] != "function":
        assert runs(simulation)
        assert wd.check(tmp_path / "run.h5") == []
    assert list(simulation.order_parameter.labels) == section.get("labels", list(simulation.order_parameter.labels))


def test_openmm_files_are_built_and_run(tmp_path):
    force_field = openmm.app.ForceField("amber14/protein.ff14SB.xml")
    system = force_field.createSystem(openmm.app.PDBFile(PDB).topology)
    integrator = openmm.LangevinMiddleIntegrator(300.0, 1.0, 0.001)
    (tmp_path / "s.xml").write_text(openmm.XmlSerializer.serialize(system))
    (tmp_path / "i.xml").write_text(openmm.XmlSerializer.serialize(integrator))
    (tmp_path / "p.pdb").write_text(Path(PDB).read_text())
    engine = {"kind": "openmm-files", "system": "s.xml", "integrator": "i.xml", "pdb": "p.pdb",
              "observables": ["potential_energy"], "keep_velocities": True}  # fmt: skip
    states = [{"label": "given", "pdb": "p.pdb"}]
    assert runs(molecule(tmp_path, engine=engine, states=states))
    assert wd.check(tmp_path / "run.h5") == []


def test_each_founder_of_a_molecule_draws_its_own_velocities(tmp_path):
    simulation = molecule(tmp_path, balancer={"kind": "none"})
    list(simulation.run(cycles=1))
    assert len(np.unique(simulation.record.read("/segments/progress"))) == 4


def test_grids_and_lists_of_edges_make_bins(tmp_path):
    edges = [
        {"start": 0.0, "stop": 1.0, "bins": 4},
        {"start": 0, "stop": 2, "bins": 2, "open": False},
        [0, 1, math.inf],
    ]
    binner = {"kind": "rectilinear", "edges": edges}
    simulation = molecule(
        tmp_path, binner=binner, order_parameter={"kind": "distance", "pairs": [[0, i] for i in (5, 6, 7)]}
    )
    assert simulation.binner.edges == (
        (-math.inf, 0.0, 0.25, 0.5, 0.75, 1.0, math.inf),
        (0.0, 1.0, 2.0),
        (0.0, 1.0, math.inf),
    )


def test_balancers_and_recycling_are_built(tmp_path):
    simulation = build(
        tmp_path,
        balancer={"kind": "huber-kim", "target_count": 7, "max_weight": 0.5},
        recycling={"lower": [-math.inf], "upper": [-2.0]},
        sources=[{"label": "s", "x": [0.0]}],
    )
    assert simulation.balancer == wepy.HuberKim(7, max_weight=0.5)
    assert simulation.boundaries == (wepy.Recycling(wepy.Region([-math.inf], [-2.0])),)
    assert [state.label for state in simulation.sources] == ["s"]
    assert isinstance(build(tmp_path, balancer={"kind": "none"}).balancer, wepy.NoBalancing)


HALVES = {"kind": "rectilinear", "edges": [[0.0, 1.0, math.inf]]}
ALONG = {"points": [0.0, 1.0], "values": [0.1, 2.0]}
ELEVEN = {"kind": "rectilinear", "edges": [{"start": -2.0, "stop": 2.0, "bins": 9}]}


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (
            {"kind": "huber-kim", "target_counts": {"3": 8, "10": 0}, "subgroups": HALVES},
            wepy.HuberKim(4, target_counts={3: 8, 10: 0}, subgroups=wepy.Rectilinear([[0.0, 1.0, math.inf]])),
        ),
        ({"kind": "multinomial", "target_count": 3}, wepy.EqualWeights("multinomial", 3)),
        ({"kind": "residual", "target_counts": {"1": 2}}, wepy.EqualWeights("residual", 4, target_counts={1: 2})),
        ({"kind": "stratified"}, wepy.EqualWeights("stratified", 4)),
        ({"kind": "systematic", "sort_by": 0}, wepy.EqualWeights("systematic", 4, sort_by=0)),
        (
            {"kind": "optimal-allocation", "n_walkers": 40, "variance": {"2": 0.5}, "least": 2},
            wepy.OptimalAllocation(40, {2: 0.5}, least=2),
        ),
        (
            {"kind": "optimal-allocation", "n_walkers": 40, "variance_along": ALONG, "within": {"kind": "systematic"}},
            wepy.OptimalAllocation(
                40, wepy.VarianceAlong([0.0, 1.0], [0.1, 2.0]), within=wepy.EqualWeights("systematic")
            ),
        ),
    ],
)
def test_every_kind_of_balancer_is_built_and_runs(tmp_path, section, expected):
    simulation = build(tmp_path, balancer=section, binner=ELEVEN, states=[{"x": [0.0]}])
    assert simulation.balancer == expected
    settings = config(balancer=section)
    assert parse_configuration(settings.model_dump(mode="json")) == settings
    if "subgroups" not in section:
        assert runs(simulation)


def test_balancers_of_other_dimensions_are_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"balancer\.subgroups: expected one entry for each of the dim"):
        build(tmp_path, balancer={"kind": "huber-kim", "subgroups": HALVES | {"edges": [[0, 1], [0, 1]]}})
    section = {"kind": "optimal-allocation", "n_walkers": 4, "variance_along": ALONG | {"dimension": 1}}
    with pytest.raises(ConfigurationError) as error:
        build(tmp_path, balancer=section | {"within": {"kind": "systematic", "sort_by": 2}})
    assert [line.split(":")[0] for line in str(error.value).splitlines()] == [
        "balancer.within.sort_by",
        "balancer.variance_along.dimension",
    ]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"kind": "huber-kim", "target_counts": {"one": 3}}, "balancer.target_counts.one"),
        ({"kind": "multinomial", "sort_by": 0}, "balancer.sort_by: unknown key"),
        ({"kind": "optimal-allocation", "n_walkers": 4}, "expected one of variance .* and variance_along"),
        ({"kind": "optimal-allocation", "variance": {"1": 1.0}}, "balancer.n_walkers: missing"),
        (
            {"kind": "optimal-allocation", "n_walkers": 4, "variance": {}, "within": {"kind": "none"}},
            'balancer.within.kind: expected one of "huber-kim", "multinomial"',
        ),
        (
            {
                "kind": "optimal-allocation",
                "n_walkers": 4,
                "variance": {},
                "within": {"kind": "huber-kim", "target_count": 3},
            },
            "balancer.within.target_count: unknown key",
        ),
    ],
)
def test_balancers_that_nobody_could_build_are_refused(section, message):
    with pytest.raises(ConfigurationError, match=message):
        config(balancer=section)


def test_variances_that_do_not_go_along_are_refused(tmp_path):
    section = {"kind": "optimal-allocation", "n_walkers": 4, "variance_along": ALONG | {"points": [1.0, 0.0]}}
    with pytest.raises(ConfigurationError, match=r"balancer\.variance_along: variance: points: exp"):
        build(tmp_path, balancer=section)


def test_sources_that_nothing_restarts_from_are_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"sources: nothing restarts from them without \[recycling\]"):
        build(tmp_path, sources=[{"label": "s", "x": [0.0]}])


@pytest.mark.parametrize(
    ("section", "kind"),
    [({}, wepy.Serial), ({"kind": "processes", "workers": 3}, wepy.Processes), ({"kind": "scoop"}, wepy.Scoop)],
)
def test_dispatchers_are_built(section, kind):
    dispatcher = build_dispatcher(DispatchSection(**section), Path(), Path("run.h5"))
    assert isinstance(dispatcher, kind)
    assert dispatcher.slots == section.get("workers", dispatcher.slots)


def test_relative_paths_start_beside_the_configuration(tmp_path, monkeypatch):
    folder, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (folder / "a.pdb").write_text(Path(PDB).read_text())
    monkeypatch.chdir(elsewhere)
    engine = FIELD | {"pdb": "a.pdb"}
    rmsd = {"kind": "rmsd", "reference": "a.pdb", "atoms": [4, 6, 8]}
    run = {"steps": 2, "seed": 3, "walkers": 1, "output": "out.h5"}
    states = [{"label": "given", "pdb": "a.pdb"}]
    settings = config(run=run, engine=engine, order_parameter=rmsd, states=states)
    assert runs(build_simulation(settings, folder))
    assert (folder / "out.h5").exists()
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"states": None}, "states: missing"),
        ({"states": [{"pdb": "a.pdb"}]}, "a toy engine has no pdb"),
        ({"engine": FIELD}, "x is for toy engines"),
        ({"engine": FIELD | {"pdb": "no.pdb"}, "states": []}, r"no\.pdb"),
        ({"engine": FIELD | {"force_field": ["no.xml"]}, "states": []}, r"no\.xml"),
        ({"engine": FIELD | {"platform": "Abacus"}, "states": []}, "Abacus"),
        ({"engine": FIELD, "states": [{"pdb": "no.pdb"}]}, r"no\.pdb"),
        ({"order_parameter": {"kind": "rmsd", "reference": "no.pdb", "atoms": [1, 2, 3]}}, r"no\.pdb"),
        ({"order_parameter": {"kind": "function", "name": "nowhere:f", "labels": ["a"]}}, "nowhere"),
        ({"order_parameter": {"kind": "coordinates", "labels": ["a", "b"]}}, "labels"),
        ({"run": {"steps": 4, "seed": 3, "walkers": 1}, "states": [{"x": [0.0], "probability": 0.5}] * 2}, "walkers"),
        ({"states": [{"x": [0.0], "probability": 0.5}]}, "probabilities that sum to 1"),
        ({"states": [{"x": [0.0], "label": "ä" * 40}]}, "64 bytes"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, changes, message):
    with pytest.raises(ConfigurationError, match=message):
        build(tmp_path, **changes)
    assert list(tmp_path.iterdir()) == []


METRICS = [
    {"kind": "euclidean", "dims": [1, 0], "scale": [1.0, 2.0]},
    {"kind": "euclidean", "scale": 2.0},
    {"kind": "periodic", "period": 6.28, "dims": [0]},
    {"kind": "periodic", "period": [6.28, math.inf]},
]


@pytest.mark.parametrize("metric", METRICS)
def test_regions_and_balancers_are_built_with_their_metrics(tmp_path, metric):
    two = {"kind": "coordinates", "indices": [0, 1]}
    binner = {"kind": "region-tree", "max_region_sizes": [1.0, 0.5], "max_n_regions": [5, 3], "metric": metric}
    balancer = {"kind": "wexplore", "pmin": 1e-9, "pmax": 0.5, "n_walkers": 12}
    settings = {"order_parameter": two, "states": [{"x": [0.0, 0.0]}], "engine": {"kind": "random-walk", "dimensions": 2}}  # fmt: skip # noqa: E501
    simulation = build(tmp_path, binner=binner, balancer=balancer, **settings)
    expected = metric_from_description(metric)
    assert simulation.binner == wepy.RegionTree([1.0, 0.5], [5, 3], expected)
    assert simulation.balancer == wepy.WExplore(1e-9, 0.5, n_walkers=12)
    revo = {"kind": "revo", "merge_distance": 0.5, "pmax": 0.9, "metric": metric}
    simulation = build(tmp_path, balancer=revo, **settings)
    assert simulation.balancer == wepy.REVO(0.5, pmax=0.9, metric=expected)
    raw = config(binner=binner, balancer=revo, **settings)
    assert parse_configuration(json.loads(json.dumps(raw.model_dump(mode="json"), allow_nan=False))) == raw


def test_a_run_with_regions_is_valid_and_goes_on_with_them(tmp_path):
    binner = {"kind": "region-tree", "max_region_sizes": [1.0, 0.3, 0.1], "max_n_regions": [4, 4, 4]}
    balancer = {"kind": "wexplore", "pmax": 0.9}
    run = {"steps": 20, "seed": 3, "walkers": 12}
    simulation = build(tmp_path, run=run, binner=binner, balancer=balancer)
    list(simulation.run(cycles=8))
    assert wd.check(tmp_path / "run.h5") == []
    with wd.open_run(tmp_path / "run.h5") as run:
        bins, segments = run.table("bins"), run.table("segments")
    assert set(bins.level) == {0, 1, 2}
    assert (bins.level[segments["bin"].unique()] == 2).all()
    assert len(segments) == 12 * 8
    assert segments["bin"].nunique() > 3


def test_a_run_with_revo_is_valid(tmp_path):
    balancer = {"kind": "revo", "merge_distance": 0.5, "pmax": 0.9}
    simulation = build(tmp_path, balancer=balancer)
    list(simulation.run(cycles=3))
    assert wd.check(tmp_path / "run.h5") == []


def test_metrics_of_molecules_are_built(tmp_path):
    coordinates = {"kind": "coordinates", "indices": list(range(18))}
    for metric in (
        {"kind": "atom-pairs", "pairs": [[0, 5], [1, 4]]},
        {"kind": "ligand-rmsd", "ligand": [4, 5], "receptor": [0, 1, 2, 3]},
    ):
        balancer = {"kind": "revo", "merge_distance": 0.5, "pmax": 0.9, "metric": metric}
        simulation = molecule(tmp_path, order_parameter=coordinates, balancer=balancer)
        assert simulation.balancer.metric == metric_from_description(metric)


def test_metrics_that_do_not_fit_the_order_parameter_are_named(tmp_path):
    atoms = {"kind": "ligand-rmsd", "ligand": [4], "receptor": [0, 1, 2]}
    with pytest.raises(ConfigurationError) as caught:
        build(
            tmp_path,
            binner={"kind": "region-tree", "max_region_sizes": [1.0], "max_n_regions": [5], "metric": atoms},
            balancer={"kind": "revo", "merge_distance": 0.5, "metric": {"kind": "euclidean", "dims": [2]}},
        )
    assert str(caught.value).splitlines() == [
        "binner.metric: LigandRMSD: no dimension 8: the order parameter has dimensions 0 to 0",
        "balancer.metric: Euclidean: no dimension 2: the order parameter has dimensions 0 to 0",
    ]


def test_bins_and_target_of_another_dimension_are_named_together(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        build(
            tmp_path,
            binner={"kind": "rectilinear", "edges": [[0, 1], [0, 1]]},
            recycling={"lower": [1, 2, 3]},
            order_parameter={"kind": "coordinates", "labels": ["x"]},
        )
    assert str(caught.value).splitlines() == [
        "binner: expected one entry for each dimension of the order parameter (x), found 2",
        "recycling.lower: expected one entry for each dimension of the order parameter (x), found 3",
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"boundaries": [{"kind": "absorb", "target": {"kind": "unbinding", "distance": 1.0, "dim": 3}}]},
            r"boundaries\[0\]\.target: unbinding: dim: expected an order parameter with a dimension 3",
        ),
        (
            {"boundaries": [{"kind": "recycle", "target": {"kind": "rebinding", "distance": -2.0},
                             "sources_in": {"kind": "region", "lower": [0.0, 0.0]}}]},
            r"boundaries\[0\]\.sources_in: target: expected an order parameter of shape \(n_walkers, 2\)",
        ),
        (
            {"boundaries": [{"kind": "absorb", "target": {"kind": "bins", "bins": [1],
                             "binner": {"kind": "voronoi", "centres": [[0.0]]}}}]},
            r"boundaries\[0\]\.target: target: bins: no bin 1",
        ),
        ({"binner": {"kind": "k-means", "n_groups": 3, "dims": [4]}}, r"binner\.dims: expected dimensions .* 0 to 0"),
        (
            {"binner": {"kind": "k-means", "n_groups": 3, "scale": [1.0, 2.0]}},
            r"binner\.scale: expected 1 or 1 numbers, one for each dimension, got 2",
        ),
    ],
)  # fmt: skip
def test_what_looks_at_dimensions_that_are_not_there_is_named(tmp_path, changes, message):
    with pytest.raises(ConfigurationError, match=message):
        build(tmp_path, **changes)


@pytest.mark.parametrize("key", ["00", "x", "1_0", "99999999999999999999"])
def test_bins_are_named_by_plain_numbers_only(tmp_path, key):
    with pytest.raises(ConfigurationError, match=r"balancer\.target_counts\..*: expected the number of a bin"):
        build(tmp_path, balancer={"kind": "huber-kim", "target_counts": {key: 3}})


def test_counts_that_no_memory_holds_are_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"balancer\.target_count: expected a number of at most 1000000"):
        build(tmp_path, balancer={"kind": "huber-kim", "target_count": 10**12})
    with pytest.raises(ConfigurationError, match=r"binner\.nbins\[0\]: expected a number of at most 1000000"):
        build(tmp_path, binner={"kind": "mab", "nbins": [10**9]})


def test_the_configuration_goes_into_the_file_and_can_be_built_again(tmp_path):
    settings = config(recycling={"lower": [1.0], "upper": [math.inf]})
    assert runs(build_simulation(settings, tmp_path))
    with wd.FileRun(tmp_path / "run.h5") as run:
        assert parse_configuration(run.header.config) == settings


def test_storage_is_built_as_configured(tmp_path):
    section = {"precision": "pm", "atoms": [0], "stride": 2, "states": "all", "compression": "none"}
    raw = {
        "run": {"steps": 10, "seed": 1},
        "engine": {"kind": "double-well", "stride": 2},
        "order_parameter": {"kind": "coordinates"},
        "states": [{"x": [-1.0]}],
        "storage": section,
    }
    simulation = build_simulation(parse_configuration(raw), tmp_path)
    assert simulation.storage.describe() == section | {"velocities": None}
    assert simulation.kept.atoms.tolist() == [0]


def test_hosts_come_from_the_configuration_and_a_file_beside_it(tmp_path):
    (tmp_path / "hosts.txt").write_text("beta 2\n")
    section = DispatchSection(kind="scoop", hosts=["alpha:3"], hostfile="hosts.txt")
    described = build_dispatcher(section, tmp_path, tmp_path / "run.h5").describe()
    assert described["hosts"] == {"alpha": 3, "beta": 2}
    assert described["workers"] == 0


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"kind": "scoop", "workers": 0}, "expected at least 1 worker; 0 needs hosts or listen"),
        ({"kind": "processes", "workers": 0, "listen": "127.0.0.1"}, "expected at least 1 worker"),
        ({"kind": "serial", "hosts": ["alpha"]}, 'expected kind = "scoop" with hosts'),
        ({"kind": "processes", "insecure": True}, 'expected kind = "scoop" with hosts'),
        ({"kind": "processes", "ssh": "ssh -v"}, 'expected kind = "scoop" with hosts'),
    ],
)
def test_workers_that_no_dispatcher_could_have_are_refused(section, said):
    raw = {"run": {"steps": 4, "seed": 3, "walkers": 4}, "engine": {"kind": "double-well"}, "dispatch": section}
    with pytest.raises(ConfigurationError, match=said):
        parse_configuration(raw)
