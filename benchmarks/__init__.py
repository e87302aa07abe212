"""Speed, measured beside what a user would take instead: ``python -m benchmarks [names]``.

Scripts, not tests: nothing here passes or fails, and nothing of the product
imports it. Every figure is taken together with its peer in one run, turn and
turn about, so that whatever else the machine does touches both.
"""
