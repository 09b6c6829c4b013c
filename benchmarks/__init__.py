"""symgrad beside its peers, one file a question: ``python -m benchmarks``.

`harness/` starts each peer in a process of its own, lets them take turns, checks that they computed
the same numbers, and prints the table. Every other file here asks one question and answers it once
for each peer, in a function ``by_<peer>`` that is written as a user who knows that library would.
"""
