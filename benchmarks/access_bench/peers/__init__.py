"""One module per program compared, each doing a :class:`~access_bench.job.Job` by its own public interface.

Each has ``NAME`` (distribution), ``SETTINGS`` (what was chosen, in words), ``prepare(job)`` (everything
before the clock starts: parsing, propagators, sites), ``run(prepared)`` (what is timed) and
``arrays(prepared, result)`` (n, 4): satellite, site, start (s), end (s); or, in those whose names end in
``_coverage``, (cells, 3): looks, accesses, mean revisit (s).
"""
