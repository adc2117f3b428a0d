"""Conditions of alert rules: what a rule may ask of a call, how it is written, what it finds.

A leaf condition looks at the call itself; each kind has its module, with its model and its search:
`emotion` (also combinations), `text`, `activity`, `loudness`. `registry` lists the kinds;
`composed` holds `all`, `any` and `not`, and `Condition`, the union of everything. What the kinds
share stands in `keys` (reading a file), `leaf` (searching a batch) and `levels` (levels that must
last). How a rule is evaluated is `engine`'s business; reference for people: docs/rules.md.
"""
