from __future__ import annotations

from msgspec.structs import replace

from jupyter_views.core.leases import Lease, Sightings

LEASE = Lease(statement_id="stmt_1", server_id="other", fence=3, beat=7)


def test_a_lease_that_looks_the_same_for_its_whole_length_has_expired():
    sightings = Sightings(15.0)

    assert sightings.expired([LEASE], now=100.0) == []
    assert sightings.expired([LEASE], now=114.9) == []
    assert sightings.expired([LEASE], now=115.0) == [LEASE]


def test_a_raised_counter_begins_a_new_length():
    sightings = Sightings(15.0)
    sightings.expired([LEASE], now=100.0)
    beaten = replace(LEASE, beat=8)

    assert sightings.expired([beaten], now=114.0) == []
    assert sightings.expired([beaten], now=128.0) == []
    assert sightings.expired([beaten], now=129.0) == [beaten]


def test_a_new_holder_or_number_begins_a_new_length():
    sightings = Sightings(15.0)
    sightings.expired([LEASE], now=100.0)
    for change in ({"fence": 4}, {"server_id": "third"}):
        assert sightings.expired([replace(LEASE, **change)], now=200.0) == []


def test_an_abandoned_lease_is_free_at_once():
    abandoned = replace(LEASE, is_abandoned=True)

    assert Sightings(15.0).expired([abandoned], now=0.0) == [abandoned]


def test_what_was_out_of_sight_is_seen_for_the_first_time_again():
    sightings = Sightings(15.0)
    sightings.expired([LEASE], now=100.0)
    sightings.expired([], now=105.0)

    assert sightings.expired([LEASE], now=120.0) == []


def test_each_lease_has_a_length_of_its_own():
    sightings = Sightings(15.0)
    other = replace(LEASE, statement_id="stmt_2")
    sightings.expired([LEASE], now=100.0)
    sightings.expired([LEASE, other], now=110.0)

    assert sightings.expired([LEASE, other], now=116.0) == [LEASE]
