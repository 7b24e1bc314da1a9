"""Every release's inputs and the objects it made of them, to compare with what is made of them now."""
