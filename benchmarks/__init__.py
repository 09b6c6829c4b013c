"""symgrad beside its peers: ``python -m benchmarks``.

`workloads/` asks: each question is one file, and answers it once for each peer, in a function
``by_<peer>`` that is written as a user who knows that library would. `harness/` starts each peer in
a process of its own, lets them take turns and checks that they computed the same numbers.
`results/` makes of it a table, a picture and `RESULTS.md`.
"""
