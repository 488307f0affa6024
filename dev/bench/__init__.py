"""`make bench`: measures a private stack on each engine, and the domain pipeline beside another library.

docs/benchmarks.md says what each figure means.
"""
