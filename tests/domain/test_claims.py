"""Claims: each is unique, and names its process."""

from __future__ import annotations

import pytest

from callqa_assets.domain.claims import ProcessIdentity, new_claim, owner_of


def test_a_claim_names_the_process_that_made_it_and_no_two_are_alike():
    claims = {new_claim() for _ in range(3)}
    assert len(claims) == 3
    assert {owner_of(claim) for claim in claims} == {ProcessIdentity.current()}


@pytest.mark.parametrize("host", ["host", "host#7", "host|a"])
def test_a_host_name_may_contain_the_separators_of_a_claim(host):
    owner = ProcessIdentity(host, 12, "3.00")
    assert owner_of(f"{owner}#0123abc") == owner


@pytest.mark.parametrize("claim", ["", "host|12|3.00", "host#0123abc", "host|x|3.00#0123abc"])
def test_what_is_no_claim_is_an_error(claim):
    with pytest.raises(ValueError):
        owner_of(claim)
