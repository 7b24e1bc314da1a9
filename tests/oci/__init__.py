"""An Oracle Cloud on this machine, for the real SDK: what README.md here says of it."""
