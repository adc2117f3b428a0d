"""The marts in the order in which a day's are computed: the one list of them."""

from __future__ import annotations

from callqa_assets.marts.mart import Mart

MARTS: tuple[Mart, ...] = ()
