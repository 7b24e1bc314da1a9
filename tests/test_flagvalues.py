import pytest

from gpuyard.catalogue.flagvalues import mapping, readable


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ({"a": 1}, {"a": 1}),
        ('{"a": 1}', {"a": 1}),
        (' {"bytes": 2G, "small": 1.5k, "name": "8G \\" 8G"} ', {"bytes": 2 << 30, "small": 1500, "name": '8G " 8G'}),
        ("{}", {}),
        ('{"a": 1.5K}', None),
        ("image=4", None),
        ("[1]", None),
        ("", None),
        ("[" * 100_000, None),
        ('{"a": ' + "9" * 400 + "k}", None),
        ('{"a": ' + "9" * 5000 + "K}", None),
        (["a"], None),
        (True, None),
        (None, None),
    ],
)
def test_an_object_is_read_whatever_form_it_has(value: object, read: object) -> None:
    assert mapping(value) == read


@pytest.mark.parametrize(
    ("value", "read"),
    [(16, 16), ("16", 16), ("16k", 16_000), ("16K", 16_384), ("1.5m", 1_500_000), (" 2G ", 2 << 30), ("-1", -1)]
    + [(value, None) for value in ("1.5K", "16kb", "", "k", True, 1.5, None, [1], "9" * 400 + "k", "9" * 5000)],
)
def test_numbers_as_vllm_reads_them(value: object, read: int | None) -> None:
    assert readable(value) == read
