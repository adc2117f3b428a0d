"""One customer is one customer however the number is written, and nobody is nobody."""

from __future__ import annotations

import pytest

from callqa_assets.domain.calls.customers import hash_customer, normalise_customer


@pytest.mark.parametrize(
    "written",
    [
        "13800138000",
        " 138 0013 8000",
        "138-0013-8000",
        "+86 138-0013-8000",
        "+8613800138000",
        "008613800138000",
        "86 13800138000",
        "013800138000",
        "１３８００１３８０００",
        "(138)0013.8000",
        "tel:+86-138-0013-8000",
        "sip:13800138000@10.0.0.1;user=phone",
        "13800138000.0",
        "13800138000#12",
    ],
)
def test_a_mobile_number_is_the_same_in_every_spelling(written):
    assert normalise_customer(written) == "13800138000"


@pytest.mark.parametrize(
    "written",
    ["010-88886666", "+86 10 88886666", "0086-10-8888 6666", "(010)88886666转12", "01088886666"],
)
def test_a_landline_is_the_same_with_and_without_trunk_prefix(written):
    assert normalise_customer(written) == "1088886666"


def test_numbers_of_other_countries_and_service_numbers_stay_apart():
    written = ["+1 212 555 0100", "+85291234567", "95588", "8610086", "861008612345", "4008123123"]
    assert [normalise_customer(one) for one in written] == [
        "12125550100",
        "85291234567",
        "95588",
        "8610086",
        "861008612345",
        "4008123123",
    ]


def test_ids_that_are_no_numbers_are_kept_without_case_and_blanks():
    assert normalise_customer("Cust-A 77") == normalise_customer("custA77") == "custa77"


@pytest.mark.parametrize(
    "written",
    [
        *(None, "", "  ", "-", "0", "00000000000", "-1", "1", "11111111111", "99999999"),
        *("anonymous", "Unknown", "N/A", "未知", "匿名", "private", "1.38E+10", "138****8000"),
        "sip:anonymous@anonymous.invalid",
    ],
)
def test_a_withheld_number_is_nobody_s(written):
    assert normalise_customer(written) is None


def test_the_hash_needs_the_key():
    one, other = (hash_customer("13800138000", key) for key in (b"key", b"other"))
    # HMAC-SHA256 by `printf 13800138000 | openssl dgst -sha256 -hmac key`.
    assert one == "b21da3bf29ded53ea95956dc1d4cbac9e32caa88fe06ca7f18c898a5503874da"
    assert one != other
