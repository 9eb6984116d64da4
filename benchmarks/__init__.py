"""Benchmarks: each figure beside its floor or its peer, measured in turns in one run. Start them with `./run bench`."""
