"""Check digits of cards, against numbers whose check digits were worked out by hand."""

from __future__ import annotations

import pytest

from callqa_assets.domain.pii.check_digits import (
    has_identity_shape,
    is_bank_card,
    is_identity_card,
)


@pytest.mark.parametrize(
    ("digits", "valid"),
    [
        ("11010519491231002X", True),  # the example of GB 11643-1999
        ("440524188001010014", True),  # its other one
        ("11010519491231002x", True),
        ("110105194912310021", False),  # check digit
        ("11010519491331002X", False),  # month
        ("990105194912310021", False),
        ("1101051949123100", False),
    ],
)
def test_an_identity_card_has_the_right_check_character(digits, valid):
    assert is_identity_card(digits) is valid


@pytest.mark.parametrize(
    ("digits", "shaped"),
    [
        ("110105194912310021", True),
        ("110105491231002", True),
        ("202503141234567890", False),
        ("110005194912310021", False),
        ("110105194902300021", False),
        ("160105194912310021", False),
        ("11010519491231002", False),
    ],
)
def test_the_shape_of_an_identity_card_is_region_and_birth(digits, shaped):
    assert has_identity_shape(digits) is shaped


@pytest.mark.parametrize(
    ("digits", "valid"),
    [
        ("4111111111111111", True),  # the usual test numbers of the card networks
        ("5555555555554444", True),
        ("378282246310005", True),
        ("6200000000000005", True),
        ("6200000000000006", False),
        ("79927398713", False),  # passes Luhn, too short
        ("0000000000000000", False),
        ("20250314000000001", False),
    ],
)
def test_a_bank_card_passes_luhn_and_is_no_date(digits, valid):
    assert is_bank_card(digits) is valid
