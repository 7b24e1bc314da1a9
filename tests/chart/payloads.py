"""Texts that break out of a template when it doesn't quote them, or that YAML reads as something else."""

HOSTILE = [
    *("{{ .Release.Name }}", '{{ fail "x" }}', "{{`x`}}", "${USER}", "$(USER)"),  # templates
    *("x\n" + " " * indent + "key: value" for indent in (0, 2, 4, 6, 8, 10, 12, 16)),  # one more key
    *(
        'x"\nkey: value',
        "x'\nkey: value",
        '"',
        "'",
        'x", key: "value',
        "x\\",
        "x\\nkey: value",
    ),  # end of the quotes
    *(
        "x}",
        "x]",
        "x, key: value",
        "{key: value}",
        "[x]",
        "x: y",
        "x #y",
        "# x",
        "- x",
        "? x",
    ),  # flow and block
    *(
        "---\nkind: Pod",
        "...\n",
        "%YAML 1.2",
        "*alias",
        "&anchor x",
        "!!int 1",
        "!!binary eA==",
        "| x",
        "> x",
        "@x",
    ),
    *("1e3", "0x1f", "0o14", "1_000", "12:30:45", "no", "null", "~", "true", "2026-11-22", "=", "<<", ".inf"),
    *(
        "x\ty",
        "x\r\nkey: value",
        "x\x85key: value",
        "x\u2028key: value",
        "\ufeffx",
        "x\x00y",
        "x\x1by",
        "é",
        "😀",
    ),
    *("--trust-remote-code", " x ", "x\n", "../../etc/passwd", "x" * 100_000),
]
