"""One module per command; each has a `command`.

What a command works with is imported when it runs: its help, and completion at a tab, need its options alone.
"""
