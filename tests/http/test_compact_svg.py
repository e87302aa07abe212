"""Pictures within a page: fewer bytes for the same strokes."""

from __future__ import annotations

from xml.etree import ElementTree

from jupyter_views.http.compact_svg import compact

POINT = "M2.739,0A2.739,2.739,0,1,1,-2.739,0A2.739,2.739,0,1,1,2.739,0"


def svg(inside: str) -> bytes:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" version="1.1" class="marks" width="9" role="img">'
        f"{inside}</svg>"
    ).encode()


def test_what_only_a_pages_own_elements_need_goes():
    drawn = svg('<g aria-hidden="true" class="x" pointer-events="none"><path d="M0,1h2"/></g>')

    assert compact(drawn).decode() == (
        '<svg xmlns="http://www.w3.org/2000/svg" width="9"><g><path d="M0,1h2" /></g></svg>'
    )


def test_what_is_not_seen_goes_and_a_ground_that_is_seen_stays():
    drawn = svg(
        '<g><path class="foreground" d="M0,0h9" display="none"/><path d=""/>'
        '<path class="background" d="M0,0h5v5"/>'
        '<path class="background" d="M0,0h9v9" fill="#fff"/></g>'
    )

    assert compact(drawn).decode().endswith('<g fill="#fff"><path d="M0,0h9v9" /></g></svg>')


def test_numbers_keep_a_tenth_of_a_pixel_but_not_those_of_texts():
    drawn = svg('<g><text transform="translate(86.61538461,-0.04)">86.61538461 -1.25</text></g>')

    assert b'<text transform="translate(86.6,-0)">86.61538461 -1.25</text>' in compact(drawn)


def test_points_are_circles_and_say_once_what_they_share():
    drawn = svg(
        f'<g><path transform="translate(1.26,2)" d="{POINT}" fill="#4c78a8" opacity="0.6"/>'
        f'<path transform="translate(3,4.999)" d="{POINT}" fill="#4c78a8" opacity="0.6"/></g>'
    )

    assert (
        compact(drawn)
        .decode()
        .endswith(
            '<g fill="#4c78a8" fill-opacity="0.6"><circle cx="1.3" cy="2" r="2.7" />'
            '<circle cx="3" cy="5" r="2.7" /></g></svg>'
        )
    )


def test_what_differs_stays_where_it_is():
    inside = '<g><path d="M0,0h1" fill="red" /><path d="M0,0h1" fill="blue" /><text /></g>'

    assert inside in compact(svg(inside)).decode()


def test_markup_in_texts_stays_text():
    text = '</text><script>alert(1)</script> aria-label="x" class="y"'
    element = ElementTree.Element("text")
    element.text = text
    escaped = ElementTree.tostring(element, encoding="unicode")

    (group,) = ElementTree.fromstring(compact(svg(f"<g>{escaped}</g>")))

    assert [node.text for node in group] == [text]
