"""Executors of others, as users make them: two workers each."""

import contextlib
import logging
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

WORKERS = 2


def process_pool():
    return ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("spawn"))


def loky():
    from loky import ProcessPoolExecutor as Loky

    return Loky(WORKERS)


@contextlib.contextmanager
def dask_cluster():
    """Yield a function that returns executors of one cluster, as `client.get_executor()` does."""
    from distributed import Client, LocalCluster

    settings = {"dashboard_address": "127.0.0.1:0", "silence_logs": logging.CRITICAL, "host": "127.0.0.1"}
    with (
        LocalCluster(n_workers=WORKERS, threads_per_worker=1, processes=True, memory_limit=0, **settings) as cluster,
        Client(cluster) as client,
    ):
        yield lambda: client.get_executor(pure=False)
