"""The graveyard file's layout: the places that its table promises."""

from __future__ import annotations

import pytest

from tombs import layout


def test_the_fields_lie_where_the_table_says() -> None:
    """Header and block have the sizes and offsets that stand in the module's docstring."""
    assert layout.HEADER.size == 128
    assert layout.HEADER.size <= layout.IDENTITY_AT < layout.HEADER_SIZE
    assert layout.BLOCK.size == layout.BLOCK_SIZE == 64
    words = (
        layout.USED,
        layout.SLOTS_USED,
        layout.ALLOCATED,
        layout.PROCESSES,
        layout.DROPPED,
        layout.SEEN,
        layout.ENDED,
        layout.PAUSED,
    )
    assert words == tuple(range(8, 16))
    header = layout.HEADER.pack(layout.MAGIC, layout.VERSION, layout.PROBE, *range(2, 16))
    for word in words:
        assert int.from_bytes(header[8 * word : 8 * word + 8], "little") == word


@pytest.mark.parametrize(
    ("number", "to", "rounded"), [(0, 8, 0), (1, 8, 8), (8, 8, 8), (9, 8, 16), (4097, 4096, 8192)]
)
def test_rounding_goes_up_to_the_next_multiple(number: int, to: int, rounded: int) -> None:
    """A multiple stays what it is."""
    assert layout.round_up(number, to) == rounded


@pytest.mark.parametrize("slots", [1, 4096, 4097, 65536])
def test_regions_follow_one_another_on_pages(slots: int) -> None:
    """Markers begin behind the header, strings behind the markers, each on a page of its own."""
    markers_at, strings_at, size = layout.regions(slots, 100_000)
    assert markers_at == layout.HEADER_SIZE
    assert strings_at - markers_at >= slots
    history_at = layout.history_at(slots, 100_000)
    assert history_at - strings_at >= 100_000
    assert size - history_at >= slots * layout.ROW.size
    assert {markers_at % 4096, strings_at % 4096, history_at % 4096, size % 4096} == {0}
