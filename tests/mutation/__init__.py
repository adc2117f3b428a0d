"""Mutation check (`make mutants`): how many small changes of the code do the tests notice?

`mutants` draws them, `runs` runs a module's own tests on each, `__main__` reports.
"""
